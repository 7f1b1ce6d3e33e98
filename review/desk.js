// The desk in the browser: paints what the server made, keeps drafts and the claim, and listens to the keys.
// Runs as the body of a gr.HTML component's js_on_load (element, trigger, props, watch), once for a page; the server's
// HTML goes into a slot of its own, so that Gradio never compares or re-renders what is being typed into.
// Events raised: 'start', 'decide', 'skip', 'reclaim'.
const api = location.pathname.split('/review')[0] + '/review/api/';
const slot = element.querySelector('.cs-slot');
const SAVE_AFTER = 600, BEAT_EVERY = 60000, IDLE = 60000;
let box, form, seen, state;

const $ = (selector, within) => (within || slot).querySelector(selector);
const $$ = (selector, within) => [...(within || slot).querySelectorAll(selector)];
const points = text => Array.from(text).length;
const textOf = node => node ? node.textContent : '';

function paint() {
  slot.innerHTML = props.value || '';
  box = $('.cs-case');
  form = $('.cs-form');
  slot.classList.remove('cs-leaving');
  if (!box) { state = null; $('.cs-go')?.focus({preventScroll: true}); return; }
  state = {
    response: box.dataset.response, token: box.dataset.token, version: Number(box.dataset.version),
    expires: Date.parse(box.dataset.expires), reply: textOf($('.cs-reply')), flags: [], seconds: 0,
    dirty: false, timer: null, saving: null, lost: false, active: Date.now(), beat: Date.now() - (resumed(box.dataset.expires) ? BEAT_EVERY : 0),
  };
  restore(JSON.parse(box.dataset.draft));
  $$('.cs-side .cs-diff').forEach(node => showDiff(node, state.reply, node.dataset.text));
  refresh();
  const warned = $('.cs-warning');
  if (warned) { box.classList.add('cs-closed'); warned.focus({preventScroll: true}); }
  else firstScale()?.querySelector('input').focus({preventScroll: true});
  window.scrollTo({top: 0});
}

// A case that was opened a while ago is kept at once, before its claim runs out
const resumed = expires => Date.parse(expires) - Date.now() < 5 * 60000;

// What is typed, as the server takes it

function read() {
  const data = new FormData(form), ratings = {};
  $$('.cs-scale').forEach(scale => {
    const chosen = $('input:checked', scale);
    if (chosen) ratings[scale.dataset.name] = chosen.value;
  });
  return {
    verdict: data.get('verdict') || data.get('decision') || '', ratings, reasons: data.getAll('reasons'),
    high_harm: data.getAll('high_harm'), flags: state.flags, correction: data.get('correction') || '',
    note: data.get('note') || '', seconds: Math.round(state.seconds),
    decision: data.get('decision') || '', review_id: data.get('review_id') || '',
    rationale: data.get('rationale') || '', final_text: data.get('final_text') || '',
  };
}

function restore(draft) {
  const pick = (name, value) => { const input = form.querySelector(`[name="${name}"][value="${CSS.escape(value)}"]`); if (input) input.checked = true; };
  for (const [name, value] of Object.entries(draft.ratings || {})) pick(name, String(value));
  for (const name of ['reasons', 'high_harm']) for (const value of draft[name] || []) pick(name, value);
  for (const name of ['verdict', 'decision', 'review_id']) if (draft[name]) pick(name, draft[name]);
  for (const name of ['correction', 'note', 'rationale', 'final_text']) {
    const field = form.elements[name];
    if (field && draft[name]) field.value = draft[name];
  }
  state.flags = (draft.flags || []).slice();
  state.seconds = draft.seconds || 0;
}

// What follows from what is typed

function refresh() {
  const verdict = $('[name=verdict]:checked')?.value || $('[name=decision]:checked')?.value;
  const blocked = why();
  const approve = $('[name=verdict][value=approve]');
  if (approve) { approve.disabled = !!blocked; if (blocked && approve.checked) approve.checked = false; }
  const editor = $('.cs-correction');
  if (editor) {
    const field = $('textarea', editor);
    const own = verdict === 'correct' || (verdict === 'corrected' && $('[name=review_id]:checked')?.value === '');
    editor.hidden = !own;
    if (own && !field.value) field.value = state.reply;
    if (own) { showDiff($('.cs-diff', editor), state.reply, field.value); grow(field); counted(field, $('.cs-counts', editor)); }
  }
  const texts = $('.cs-texts');
  if (texts) texts.hidden = verdict !== 'corrected';
  $$('.cs-scale').forEach(scale => scale.classList.toggle('cs-done', !!$('input:checked', scale)));
  $$('.cs-missing').forEach(node => { if ($('input:checked', node)) node.classList.remove('cs-missing'); });
  $('.cs-why').textContent = $('.cs-why').dataset.always || blocked;
  showFlags();
  showReply();
}

function why() {
  if ($('[data-blocks="1"]:checked') || $('[name=high_harm]:checked')) return 'High potential for harm: correct or reject.';
  if (state.flags.length) return 'Flagged: correct or reject.';
  if (box.dataset.reported) return 'Reported by the visitor: correct or reject.';
  return '';
}

function counted(field, where) {
  const words = (field.value.match(/[\p{L}\p{N}’']+/gu) || []).length;
  where.textContent = `${words} ${words === 1 ? 'word' : 'words'}, ${points(field.value)} characters`;
}

function grow(field) { field.style.height = 'auto'; field.style.height = Math.min(field.scrollHeight + 4, 420) + 'px'; }

// Flags and the marked words

function selected() {
  const reply = $('.cs-reply'), chosen = getSelection();
  if (!reply || !chosen.rangeCount || chosen.isCollapsed) return null;
  const range = chosen.getRangeAt(0);
  if (!reply.contains(range.startContainer) || !reply.contains(range.endContainer)) return null;
  const before = document.createRange();
  before.setStart(reply, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const start = points(before.toString()), quote = range.toString();
  return quote.trim() ? {start, end: start + points(quote), quote} : null;
}

function openFlag() {
  const panel = $('.cs-flagging');
  if (!panel) return;
  state.marking = selected() || {start: null, end: null, quote: ''};
  $('.cs-quote').textContent = state.marking.quote ? `“${state.marking.quote}”` : 'The whole reply. Mark words first to quote them.';
  panel.hidden = false;
  panel.scrollIntoView({block: 'nearest'});
  $('select', panel).focus();
}

function addFlag() {
  const data = new FormData(form);
  state.flags.push({...state.marking, category: data.get('category'), severity: data.get('severity') || 'medium'});
  $('.cs-flagging').hidden = true;
  changed();
  $('[data-act=flag]', $('.cs-flags')).focus();
}

function showFlags() {
  const list = $('.cs-flags ul');
  if (!list) return;
  list.replaceChildren(...state.flags.map((flag, i) => {
    const item = document.createElement('li'), words = document.createElement('span'), drop = document.createElement('button');
    const kind = $(`option[value="${CSS.escape(flag.category)}"]`)?.textContent || flag.category;
    words.textContent = `${kind}, ${flag.severity}${flag.quote ? `: “${flag.quote}”` : ''}`;
    drop.type = 'button'; drop.className = 'cs-link'; drop.textContent = 'remove';
    drop.setAttribute('aria-label', `Remove flag: ${words.textContent}`);
    drop.onclick = () => { state.flags.splice(i, 1); changed(); };
    item.append(words, ' ', drop);
    return item;
  }));
}

function showReply() {
  const reply = $('.cs-reply');
  if (!reply || state.shown === JSON.stringify(state.flags)) return;
  state.shown = JSON.stringify(state.flags);
  const text = Array.from(state.reply), parts = [];
  let at = 0;
  for (const flag of state.flags.filter(f => f.start !== null).sort((a, b) => a.start - b.start)) {
    if (flag.start < at) continue;
    parts.push(text.slice(at, flag.start).join(''));
    const mark = document.createElement('mark');
    mark.textContent = text.slice(flag.start, flag.end).join('');
    parts.push(mark);
    at = flag.end;
  }
  reply.replaceChildren(...parts, text.slice(at).join(''));
}

// Word diff: longest common run of words; short equal runs between changes are shown as changed, which reads better

function diff(before, after) {
  const cut = text => text.match(/\s+|[\p{L}\p{N}’']+|[^\s\p{L}\p{N}]/gu) || [];
  const a = cut(before), b = cut(after), n = a.length, m = b.length;
  if (n * m > 4e6) return [['-', before], ['+', after]];
  const rows = Array.from({length: n + 1}, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--)
    rows[i][j] = a[i] === b[j] ? rows[i + 1][j + 1] + 1 : Math.max(rows[i + 1][j], rows[i][j + 1]);
  const runs = [];
  const put = (kind, word) => { const last = runs[runs.length - 1]; last && last[0] === kind ? last[1] += word : runs.push([kind, word]); };
  let i = 0, j = 0;
  while (i < n || j < m) {
    if (i < n && j < m && a[i] === b[j]) { put('=', a[i]); i++; j++; }
    else if (i < n && (j >= m || rows[i + 1][j] >= rows[i][j + 1])) put('-', a[i++]);
    else put('+', b[j++]);
  }
  const merged = [];
  let gone = '', come = '';
  const flush = () => { if (gone) merged.push(['-', gone]); if (come) merged.push(['+', come]); gone = come = ''; };
  runs.forEach(([kind, words], at) => {
    const inner = kind === '=' && words.trim().split(/\s+/).length <= 2 && at > 0 && at < runs.length - 1;
    if (kind === '=' && !inner) { flush(); merged.push(['=', words]); return; }
    if (kind !== '+') gone += words;
    if (kind !== '-') come += words;
  });
  flush();
  return merged;
}

function showDiff(where, before, after) {
  const tag = {'=': 'span', '-': 'del', '+': 'ins'};
  where.replaceChildren(...diff(before, after).map(([kind, words]) => {
    const node = document.createElement(tag[kind]);
    node.textContent = words;
    return node;
  }));
}

// Drafts, the claim, the clock

function changed() { state.dirty = true; state.active = Date.now(); refresh(); clearTimeout(state.timer); state.timer = setTimeout(save, SAVE_AFTER); }

async function post(path, body) {
  const answer = await fetch(api + path, {method: 'POST', keepalive: true, credentials: 'same-origin',
    headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
  return {status: answer.status, said: await answer.json().catch(() => ({}))};
}

async function save() {
  if (!state || !state.dirty || state.lost || state.gone) return;
  if (state.saving) { await state.saving; return save(); }
  const mine = state;
  mine.dirty = false;
  clearTimeout(mine.timer);
  mine.saving = post('draft', {response: mine.response, token: mine.token, body: read(), version: mine.version});
  try {
    const {status, said} = await mine.saving;
    if (mine !== state || mine.gone) return;
    if (status === 200) { mine.version = said.version; saved('Saved'); }
    else if (status === 409 && said.stored) conflict(said);
    else if (status === 409) lost(said.message);
    else if (status === 401) { mine.dirty = true; saved('Not saved: signed out'); }
    else { mine.dirty = true; saved(said.message || 'Not saved'); later(mine); }
  } catch { mine.dirty = true; saved('Not saved: no connection'); later(mine); }
  finally { mine.saving = null; }
}

function later(mine) { clearTimeout(mine.timer); mine.timer = setTimeout(() => { if (mine === state) save(); }, 5000); }
function saved(words) { const where = $('.cs-saved'); if (where) where.textContent = words; }

function notice(words, ...buttons) {
  const where = $('.cs-notice');
  where.replaceChildren(words + ' ', ...buttons.map(([label, act]) => {
    const button = document.createElement('button');
    button.type = 'button'; button.className = 'cs-plain'; button.textContent = label;
    button.onclick = () => { where.hidden = true; act(); };
    return button;
  }));
  where.hidden = false;
}

function conflict(said) {
  const mine = read();
  notice('This case was changed in another window. Nothing was overwritten.',
    ['Keep what is here', () => { state.version = said.version; changed(); }],
    ['Take the other', () => { form.reset(); restore(said.stored); state.version = said.version; state.dirty = false; refresh(); }]);
  const field = ['correction', 'note', 'rationale', 'final_text'].find(name => (said.stored[name] || '') !== (mine[name] || ''));
  if (!field) return;
  const shown = document.createElement('div');
  shown.className = 'cs-diff';
  showDiff(shown, said.stored[field] || '', mine[field] || '');
  $('.cs-notice').append(shown);
}

function lost(words) {
  state.lost = true;
  notice(words || 'Your claim has run out.', ['Claim it again', () => leave('reclaim', {form: read()})]);
}

async function beat() {
  if (!state || state.lost || state.gone) return;
  const now = Date.now(), mine = state;
  if (document.visibilityState === 'visible' && now - mine.active < IDLE) mine.seconds += 1;
  const left = Math.max(0, Math.round((mine.expires - now) / 1000)), timer = $('.cs-timer');
  if (timer) { timer.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`; timer.classList.toggle('cs-late', left < 120); }
  // Only somebody at work keeps a claim: an abandoned window lets it run out.
  if (now - mine.beat >= BEAT_EVERY && mine.active > mine.beat - BEAT_EVERY) {
    mine.beat = now;
    try {
      const {status, said} = await post('heartbeat', {response: mine.response, token: mine.token});
      if (mine !== state || mine.gone) return;
      if (status === 200) mine.expires = Date.parse(said.expires_at);
      else if (status === 409 || status === 404) lost(said.message);
    } catch { /* the next beat tries again */ }
  }
}

// Leaving for the next case: at once on the screen; if the server refuses, everything comes back as it was

function leave(event, more) {
  if (!state || state.gone) return;
  clearTimeout(state.timer);
  state.gone = true;
  state.dirty = false;
  slot.classList.add('cs-leaving');
  const skipped = JSON.parse(sessionStorage.getItem('cs-skipped') || '[]');
  if (event === 'skip') { skipped.push(state.response); sessionStorage.setItem('cs-skipped', JSON.stringify(skipped.slice(-100))); }
  trigger(event, {response: state.response, token: state.token, skip: skipped, ...more});
}

function back() {
  slot.classList.remove('cs-leaving');
  if (state && state.gone) { state.gone = false; changed(); }
}

function submit() {
  const missing = $$('.cs-scale').find(scale => !$('input:checked', scale));
  if (missing) return complain(missing, `Please rate ${textOf($('legend', missing).firstChild).trim()}.`);
  const verdicts = $('.cs-verdicts');
  if (!$('input:checked', verdicts)) return complain(verdicts, 'Please choose a verdict.');
  leave('decide', {form: read()});
}

function complain(where, words) {
  $('.cs-why').textContent = words;
  $$('.cs-missing').forEach(node => node.classList.remove('cs-missing'));
  where.classList.add('cs-missing');
  where.scrollIntoView({block: 'center', behavior: 'smooth'});
  ($('input:checked', where) || $('input:not(:disabled)', where))?.focus({preventScroll: true});
}

// Keys and clicks

const firstScale = () => $$('.cs-scale').find(scale => !$('input:checked', scale));
const current = () => document.activeElement?.closest?.('.cs-scale');

function step(by) {
  const scales = $$('.cs-scale'), at = scales.indexOf(current());
  const to = scales[Math.min(scales.length - 1, Math.max(0, at + by))];
  if (to) { ($('input:checked', to) || $('input', to)).focus({preventScroll: true}); to.scrollIntoView({block: 'nearest'}); }
}

function rate(key) {
  const scale = current() || firstScale();
  if (!scale) return;
  const inputs = $$('input', scale);
  const input = key === '0' ? inputs.find(i => i.value === 'none') : inputs[Number(key) - 1];
  if (!input) return;
  input.checked = true;
  changed();
  const all = $$('.cs-scale'), next = all.slice(all.indexOf(scale) + 1).find(s => !$('input:checked', s)) || firstScale();
  const to = next ? $('input', next) : $('.cs-verdicts input:not(:disabled)');
  to?.focus({preventScroll: true});
  (next || $('.cs-verdict')).scrollIntoView({block: 'nearest'});
}

function choose(value) {
  const input = $(`.cs-verdicts [value="${value}"]`);
  if (!input || input.disabled) return;
  input.checked = true;
  changed();
  const editor = $('.cs-correction');
  if (value.startsWith('correct') && editor) (editor.hidden ? $('.cs-texts input') : $('textarea', editor)).focus();
  else input.focus({preventScroll: true});
}

const ACTS = {
  start: () => { slot.classList.add('cs-leaving'); trigger('start', {skip: []}); sessionStorage.removeItem('cs-skipped'); },
  open: () => { box.classList.remove('cs-closed'); $('.cs-warning').remove(); firstScale()?.querySelector('input').focus({preventScroll: true}); },
  skip: async () => { await save(); leave('skip'); },
  flag: openFlag, 'add-flag': addFlag, 'drop-flag': () => { $('.cs-flagging').hidden = true; },
  keys: () => { const keys = $('.cs-keys'); keys.open ? keys.close() : keys.showModal(); },
  'close-keys': () => $('.cs-keys').close(),
};

const KEYS = {
  a: () => choose($('[value=approved]') ? 'approved' : 'approve'), c: () => choose($('[value=corrected]') ? 'corrected' : 'correct'),
  r: () => choose($('[value=rejected]') ? 'rejected' : 'reject'), s: ACTS.skip, n: submit, f: openFlag, '?': ACTS.keys,
  j: () => step(1), k: () => step(-1), v: () => $('.cs-reply')?.focus(), m: () => $('[name=note], [name=rationale]')?.focus(),
  h: () => $('.cs-harms input')?.focus(),
};

function onKey(event) {
  if (!slot.isConnected) return document.removeEventListener('keydown', onKey);
  if (event.altKey || event.metaKey || slot.classList.contains('cs-leaving') || slot.offsetParent === null) return;
  const target = event.target, typing = target.matches?.('textarea, select, input[type=text], input:not([type])');
  const stop = () => { event.preventDefault(); event.stopPropagation(); };
  if (!box) { if (event.key === 'n' && !typing && $('[data-act=start]')) { stop(); ACTS.start(); } return; }
  if (event.key === 'Enter' && event.ctrlKey) { stop(); return submit(); }
  if (event.ctrlKey) return;
  if (event.key === 'Escape') {
    if ($('.cs-flagging') && !$('.cs-flagging').hidden) { stop(); ACTS['drop-flag'](); }
    if (typing || target.matches?.('.cs-reply')) { stop(); ($('.cs-verdicts input:checked') || firstScale()?.querySelector('input') || $('.cs-go'))?.focus({preventScroll: true}); }
    return;
  }
  if (typing || $('.cs-keys')?.open) return;
  if (box.classList.contains('cs-closed')) {
    if (event.key === 'Enter' && !target.matches?.('button')) { stop(); ACTS.open(); }
    else if (event.key === 's') { stop(); ACTS.skip(); }
    return;
  }
  if (/^[0-9]$/.test(event.key)) { stop(); return rate(event.key); }
  const act = KEYS[event.key];
  if (act) { stop(); act(); }
}

slot.addEventListener('click', event => {
  const button = event.target.closest('[data-act]');
  if (button) { event.preventDefault(); ACTS[button.dataset.act]?.(); }
});
slot.addEventListener('mousedown', event => { if (event.target.closest('[data-act=flag]')) event.preventDefault(); });  // keeps the marked words
slot.addEventListener('submit', event => { event.preventDefault(); submit(); });
slot.addEventListener('input', event => { if (state && !event.target.closest('.cs-flagging, .cs-reply')) changed(); });
slot.addEventListener('focusin', event => $$('.cs-scale').forEach(s => s.classList.toggle('cs-current', s.contains(event.target))));
for (const kind of ['beforeinput', 'paste', 'drop', 'cut'])
  slot.addEventListener(kind, event => { if (event.target.closest?.('.cs-reply')) event.preventDefault(); }, true);
document.addEventListener('keydown', onKey);
document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'hidden') save(); });
addEventListener('pagehide', save);
addEventListener('pointermove', () => { if (state) state.active = Date.now(); }, {passive: true});
addEventListener('countersign:failed', back);
addEventListener('countersign:signed-out', back);
addEventListener('countersign:signed-in', () => { if (state) { state.dirty = true; save(); } });
setInterval(beat, 1000);
watch('value', paint);
paint();
