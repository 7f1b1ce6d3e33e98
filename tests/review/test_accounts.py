import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text

from data import audit
from data.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from data.records import Role
from data.schema import Audit, Reviewer
from review.accounts import Accounts
from review.passwords import TRIES_PER_ADDRESS, TRIES_PER_LOGIN, Passwords
from review.people import can_administer, can_verify_licence

PASSWORD = "a quiet lake at dawn"


@pytest.fixture
def accounts(database, settings):
    """With argon2id at small parameters: the served ones take half a second where the cores are busy."""
    return Accounts(
        database, settings, Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    )


def _accept(accounts, token, now, login, **fields):
    given = {"name": login.title(), "password": PASSWORD, "licence_body": "Test Board",
             "licence_number": f"T-{login}", "synthetic": True, **fields}  # fmt: skip
    return accounts.accept(token, login=login, now=now, **given)


@pytest.fixture
def first(accounts, now):
    return _accept(accounts, accounts.first_link(now), now, "ada")


@pytest.fixture
def second(accounts, first, now):
    later = now + timedelta(seconds=1)
    return _accept(accounts, accounts.invite(first.id, Role.CLINICIAN, False, now), later, "ben")


def _trail(database):
    with database.reading() as tx:
        assert audit.verify(tx).broken is None
        return [(e.actor, e.action, e.subject) for e in tx.scalars(select(Audit).order_by(Audit.seq))]


def _person(accounts, reviewer):
    return accounts.person(reviewer.id)


# One-time links


def test_the_first_link_makes_an_administrator_who_attests_their_own_licence(accounts, database, first, now):
    person = _person(accounts, first)
    assert (person.role, person.administrator, person.licensed) == (Role.CLINICIAN, True, True)
    assert (first.licence_verified_by, first.licence_verified_at) == (first.id, now)
    assert (first.id, "licence.attest", first.id) in _trail(database)
    assert accounts.first_link(now) is None


def test_an_engineer_may_set_up_the_desk_without_a_licence(accounts, now):
    reviewer = _accept(accounts, accounts.first_link(now), now, "eve", role=Role.ENGINEER,
                       licence_body="", licence_number="")  # fmt: skip
    person = _person(accounts, reviewer)
    assert (person.role, person.administrator, person.licensed) == (Role.ENGINEER, True, False)


def test_a_second_first_link_replaces_the_former(accounts, now):
    old, new = accounts.first_link(now), accounts.first_link(now)
    with pytest.raises(NotFound):
        accounts.offer(old, now)
    assert accounts.offer(new, now).first


def test_a_first_link_is_dead_once_somebody_came_in_by_another_way(accounts, now):
    link = accounts.first_link(now)
    _accept(accounts, accounts.invite_as_operator(Role.CLINICIAN, False, now), now, "ben")
    with pytest.raises(NotFound):
        _accept(accounts, link, now, "mallory")


def test_a_link_works_once_and_for_seven_days(accounts, first, now):
    token = accounts.invite(first.id, Role.CLINICIAN, False, now)
    with pytest.raises(NotFound, match="expired"):
        _accept(accounts, token, now + timedelta(days=7), "ben")
    _accept(accounts, token, now + timedelta(days=6), "ben")
    with pytest.raises(NotFound, match="used"):
        _accept(accounts, token, now, "cyd")


def test_two_at_once_on_one_link_make_one_account(accounts, database, first, now):
    token = accounts.invite(first.id, Role.CLINICIAN, False, now)
    outcomes = _at_once(8, lambda i: _accept(accounts, token, now, f"person{i}"))
    made = [o for o in outcomes if isinstance(o, Reviewer)]
    assert len(made) == 1
    assert all(isinstance(o, NotFound) for o in outcomes if o is not made[0])
    with database.reading() as tx:
        assert tx.scalar(text("SELECT count(*) FROM reviewer")) == 2
        assert tx.scalar(text("SELECT count(*) FROM invitation")) == 0


def test_an_invited_role_cannot_be_changed_by_the_invited(accounts, first, now):
    token = accounts.invite(first.id, Role.ENGINEER, False, now)
    assert _accept(accounts, token, now, "eve", role=Role.CLINICIAN).role == Role.ENGINEER


def test_what_cannot_be_used_is_said_and_the_link_lives(accounts, first, now):
    token = accounts.invite(first.id, Role.CLINICIAN, False, now)
    for fields, said in [
        ({"password": "too short"}, "12 characters"),
        ({"password": "x" * 1001}, "12 characters"),
        ({"password": "BARTHOLOMEW-LONG"}, "not your login"),
        ({"name": ""}, "your name"),
        ({"name": "A\x00B"}, "your name"),
        ({"name": "x" * 101}, "your name"),
        ({"name": "\ud800"}, "your name"),
        ({"login": "two words"}, "login"),
        ({"login": ""}, "login"),
        ({"login": "a\x00b"}, "login"),
        ({"licence_number": " "}, "licence"),
        ({"licence_body": ""}, "licen"),
    ]:
        with pytest.raises(Invalid, match=said):
            _accept(accounts, token, now, **{"login": "bartholomew-long", **fields})
    assert accounts.offer(token, now).role == Role.CLINICIAN


def test_a_taken_login_is_a_conflict_and_the_link_lives(accounts, first, now):
    token = accounts.invite(first.id, Role.CLINICIAN, False, now)
    with pytest.raises(Conflict, match="taken"):
        _accept(accounts, token, now, " ADA ")
    assert _accept(accounts, token, now, "ben").login == "ben"


# Signing in


def test_signing_in_and_out(accounts, first, settings, now):
    token = accounts.sign_in(" Ada ", PASSWORD, "10.0.0.1", now)
    assert accounts.who(token, now).id == first.id
    assert accounts.who(token, now + timedelta(hours=settings.sign_in_hours)) is None
    accounts.sign_out(token)
    assert accounts.who(token, now) is None


def test_nobody_is_behind_an_unknown_token(accounts, first, now):
    tokens = [None, "", "nonsense", "\x00", "\ud800"]
    assert [accounts.who(token, now) for token in tokens] == [None] * 5


def test_tokens_and_passwords_are_not_in_the_database(accounts, database, first, now):
    token = accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)
    link = accounts.invite(first.id, Role.CLINICIAN, False, now)
    with database.reading() as tx:
        tables = ("reviewer", "sign_in", "invitation", "sign_in_attempt", "audit")
        kept = str([tx.execute(text(f"SELECT * FROM {t}")).all() for t in tables])
    assert "$argon2id$" in kept
    assert not any(secret in kept for secret in (token, link, PASSWORD, "10.0.0.1"))


def test_a_wrong_password_and_an_unknown_login_are_told_the_same(accounts, first, now):
    for login in ("ada", "nobody", "", "a\x00b", "\ud800", "x" * 100_000):
        with pytest.raises(Forbidden, match=r"^The login or the password is not right\.$"):
            accounts.sign_in(login, "wrong \ud800\x00 password", "10.0.0.1", now)


def test_an_unknown_login_costs_one_hash_as_a_known_one_does(database, settings, now):
    checked = []

    class Counting(PasswordHasher):
        def verify(self, kept, password):
            checked.append(kept)
            return super().verify(kept, password)

    accounts = Accounts(database, settings, Passwords(Counting()))
    _accept(accounts, accounts.first_link(now), now, "ada")
    for login in ("ada", "nobody"):
        with pytest.raises(Forbidden):
            accounts.sign_in(login, "wrong password", "10.0.0.1", now)
    assert len(checked) == 2
    assert [kept.split("$")[:4] for kept in checked] == [checked[0].split("$")[:4]] * 2


def test_passwords_are_the_same_however_the_keyboard_composes_them(accounts, first, now):
    token = accounts.invite(first.id, Role.CLINICIAN, False, now)
    _accept(accounts, token, now, "ben", password="cafe\u0301 au lait, deux")
    assert accounts.sign_in("ben", "caf\u00e9 au lait, deux", "10.0.0.1", now)


def test_a_hash_with_old_parameters_is_renewed_at_the_next_sign_in(accounts, database, settings, now):
    reviewer = _accept(accounts, accounts.first_link(now), now, "ada")
    Accounts(database, settings).sign_in("ada", PASSWORD, "10.0.0.1", now)
    with database.reading() as tx:
        renewed = tx.get(Reviewer, reviewer.id).password_hash
    assert renewed != reviewer.password_hash
    assert not PasswordHasher().check_needs_rehash(renewed)
    assert accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)


def test_five_wrong_passwords_close_a_login_for_a_while(accounts, first, second, now):
    for minute in range(TRIES_PER_LOGIN):
        with pytest.raises(Forbidden, match="not right"):
            accounts.sign_in("ada", "wrong", f"10.0.0.{minute}", now + timedelta(minutes=minute))
    later = now + timedelta(minutes=TRIES_PER_LOGIN)
    with pytest.raises(Forbidden, match="in 10 minutes"):
        accounts.sign_in("ada", PASSWORD, "10.0.0.99", later)
    assert accounts.sign_in("ben", PASSWORD, "10.0.0.1", later)
    assert accounts.sign_in("ada", PASSWORD, "10.0.0.99", now + timedelta(minutes=15, seconds=1))


def test_an_unknown_login_is_closed_in_the_same_way(accounts, now):
    said = []
    for _ in range(TRIES_PER_LOGIN + 1):
        with pytest.raises(Forbidden) as error:
            accounts.sign_in("nobody", "wrong", "10.0.0.1", now)
        said.append(str(error.value))
    assert said[-1] == "Too many failed sign-ins. Please try again in 15 minutes."


def test_the_right_password_starts_the_count_afresh(accounts, first, now):
    for _ in range(3):
        for _ in range(TRIES_PER_LOGIN - 1):
            with pytest.raises(Forbidden, match="not right"):
                accounts.sign_in("ada", "wrong", "10.0.0.1", now)
        accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)


def test_an_address_that_tries_many_logins_is_closed_whoever_signs_in_from_it(accounts, first, now):
    for i in range(TRIES_PER_ADDRESS):
        if i % 4 == 0:
            accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)
        with pytest.raises(Forbidden, match="not right"):
            accounts.sign_in(f"login{i}", "wrong", "10.0.0.1", now)
    with pytest.raises(Forbidden, match="Too many"):
        accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)
    assert accounts.sign_in("ada", PASSWORD, "10.0.0.2", now)


def test_many_at_once_get_no_more_tries(accounts, first, now):
    outcomes = _at_once(12, lambda i: accounts.sign_in("ada", "wrong", f"10.0.0.{i}", now))
    said = [str(o) for o in outcomes]
    assert sum("not right" in s for s in said) == TRIES_PER_LOGIN
    assert sum("Too many" in s for s in said) == 12 - TRIES_PER_LOGIN


# Licences and administration


def test_a_licence_counts_once_another_administrator_verified_it(accounts, database, first, second, now):
    assert not _person(accounts, second).licensed
    accounts.verify_licence(first.id, second.id, now)
    assert _person(accounts, second).licensed
    assert (first.id, "licence.verify", second.id) in _trail(database)
    with pytest.raises(Conflict):
        accounts.verify_licence(first.id, second.id, now)


def test_nobody_verifies_their_own_licence(accounts, first, now):
    second = _accept(accounts, accounts.invite(first.id, Role.CLINICIAN, True, now), now, "ben")
    assert not _person(accounts, second).licensed
    with pytest.raises(Forbidden, match="own"):
        accounts.verify_licence(second.id, second.id, now)
    assert not can_verify_licence(_person(accounts, second), second.id)
    assert can_verify_licence(_person(accounts, first), second.id)


def test_without_a_licence_there_is_nothing_to_verify(accounts, first, now):
    token = accounts.invite(first.id, Role.ENGINEER, False, now)
    engineer = _accept(accounts, token, now, "eve", licence_body="", licence_number="")
    with pytest.raises(Invalid, match="no licence"):
        accounts.verify_licence(first.id, engineer.id, now)


def test_administration_is_for_administrators(accounts, database, first, second, now):
    assert not can_administer(_person(accounts, second))
    before = _trail(database)
    for by in (second.id, "nobody", "", None):
        for act in (
            lambda by: accounts.invite(by, Role.CLINICIAN, True, now),
            lambda by: accounts.list_people(by),
            lambda by: accounts.verify_licence(by, first.id, now),
            lambda by: accounts.set_administrator(by, second.id, True, now),
            lambda by: accounts.deactivate(by, first.id, now),
            lambda by: accounts.reactivate(by, first.id, now),
            lambda by: accounts.make_reset(by, first.id, now),
        ):
            with pytest.raises(Forbidden):
                act(by)
    assert _trail(database) == before
    assert _person(accounts, first).administrator


def test_a_closed_account_is_out_at_once_and_can_be_opened_again(accounts, first, second, now):
    token = accounts.sign_in("ben", PASSWORD, "10.0.0.1", now)
    accounts.deactivate(first.id, second.id, now)
    assert accounts.who(token, now) is None
    with pytest.raises(Forbidden, match="not right"):
        accounts.sign_in("ben", PASSWORD, "10.0.0.1", now)
    with pytest.raises(Forbidden):
        accounts.person(second.id)
    accounts.reactivate(first.id, second.id, now)
    assert accounts.who(token, now) is None
    assert accounts.sign_in("ben", PASSWORD, "10.0.0.1", now)


def test_the_last_administrator_stays(accounts, first, second, now):
    for act in (lambda: accounts.deactivate(first.id, first.id, now),
                lambda: accounts.set_administrator(first.id, first.id, False, now)):  # fmt: skip
        with pytest.raises(Conflict, match="at least one"):
            act()
    accounts.set_administrator(first.id, second.id, True, now)
    accounts.set_administrator(second.id, first.id, False, now)
    assert [a.person.administrator for a in accounts.list_people(second.id)] == [False, True]


def test_two_administrators_who_close_each_other_leave_one(accounts, first, second, now):
    accounts.set_administrator(first.id, second.id, True, now)
    pair = [(first.id, second.id), (second.id, first.id)]
    outcomes = _at_once(2, lambda i: accounts.deactivate(*pair[i], now))
    assert sorted(isinstance(o, AppError) for o in outcomes) == [False, True]


def test_the_list_says_who_vouched_for_whom(accounts, first, second, now):
    accounts.verify_licence(first.id, second.id, now)
    listed = accounts.list_people(first.id)
    assert [(a.login, a.licence, a.verified_by, a.active) for a in listed] == [
        ("ada", "Test Board T-ada", "their own word at set-up", True),
        ("ben", "Test Board T-ben", "Ada", True),
    ]
    assert all(a.person.synthetic for a in listed)


def test_a_new_password_ends_every_other_sign_in(accounts, database, first, now):
    here, there = (accounts.sign_in("ada", PASSWORD, "10.0.0.1", now) for _ in range(2))
    accounts.change_password(first.id, PASSWORD, "another quiet lake", here, "10.0.0.1", now)
    assert accounts.who(here, now)
    assert accounts.who(there, now) is None
    assert accounts.sign_in("ada", "another quiet lake", "10.0.0.1", now)
    assert (first.id, "account.change-password", first.id) in _trail(database)
    with pytest.raises(Invalid):
        accounts.change_password(first.id, "another quiet lake", "short", here, "10.0.0.1", now)


def test_guessing_the_present_password_is_throttled_too(accounts, first, now):
    here = accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)
    for _ in range(TRIES_PER_LOGIN):
        with pytest.raises(Forbidden, match="not right"):
            accounts.change_password(first.id, "wrong", "another quiet lake", here, "10.0.0.1", now)
    with pytest.raises(Forbidden, match="Too many"):
        accounts.change_password(first.id, PASSWORD, "another quiet lake", here, "10.0.0.1", now)


# Forgotten passwords


def test_a_reset_link_sets_a_password_once_and_ends_every_sign_in(accounts, database, first, second, now):
    token = accounts.make_reset(first.id, second.id, now)
    signed_in = accounts.sign_in("ben", PASSWORD, "10.0.0.1", now)  # a link changes nothing before it is used
    offer = accounts.reset_offer(token, now)
    assert (offer.name, offer.login, offer.made_by) == ("Ben", "ben", "Ada")
    accounts.reset_password(token, "another quiet lake", now + timedelta(hours=23))
    assert accounts.who(signed_in, now) is None
    with pytest.raises(Forbidden, match="not right"):
        accounts.sign_in("ben", PASSWORD, "10.0.0.1", now)
    assert accounts.sign_in("ben", "another quiet lake", "10.0.0.1", now)
    for use in (lambda: accounts.reset_offer(token, now),
                lambda: accounts.reset_password(token, "a third quiet lake", now)):  # fmt: skip
        with pytest.raises(NotFound, match="used"):
            use()
    trail = [line for line in _trail(database) if "reset" in line[1]]
    assert trail == [
        (first.id, "account.make-reset", second.id),
        (second.id, "account.reset-password", second.id),
    ]
    with database.reading() as tx:
        entry = tx.scalars(select(Audit).where(Audit.action == "account.reset-password")).one()
        assert entry.details == {"link_by": first.id}
        kept = str(
            tx.execute(text("SELECT * FROM invitation")).all() + tx.execute(text("SELECT * FROM audit")).all()
        )
    assert token not in kept


def test_a_reset_link_lives_a_day_and_not_beyond_the_password_it_replaces(accounts, first, second, now):
    token = accounts.make_reset(first.id, second.id, now)
    with pytest.raises(NotFound, match="expired"):
        accounts.reset_password(token, "another quiet lake", now + timedelta(hours=24))
    other = accounts.make_reset(first.id, second.id, now)
    accounts.reset_password(other, "another quiet lake", now)
    with pytest.raises(NotFound):
        accounts.reset_password(token, "a third quiet lake", now)


def test_a_reset_link_fits_nobody_else_and_makes_no_account(accounts, first, second, now):
    token = accounts.make_reset(first.id, second.id, now)
    secret = token.partition(".")[2]
    invitation = accounts.invite(first.id, Role.CLINICIAN, False, now)
    for wrong in (f"{first.id}.{secret}", f"{second.id}.", secret, invitation, f"{second.id}.{invitation}", "", ".",
                  "\x00.x", "\ud800.x"):  # fmt: skip
        with pytest.raises(NotFound):
            accounts.reset_password(wrong, "another quiet lake", now)
    with pytest.raises(NotFound):
        _accept(accounts, token, now, "mallory")
    assert accounts.sign_in("ada", PASSWORD, "10.0.0.1", now)


def test_a_reset_is_made_by_another_administrator_for_an_open_account(accounts, first, second, now):
    with pytest.raises(Forbidden, match="present one"):
        accounts.make_reset(first.id, first.id, now)
    with pytest.raises(NotFound):
        accounts.make_reset(first.id, "nobody", now)
    token = accounts.make_reset(first.id, second.id, now)
    accounts.deactivate(first.id, second.id, now)
    with pytest.raises(NotFound):
        accounts.reset_password(token, "another quiet lake", now)
    with pytest.raises(Conflict, match="closed"):
        accounts.make_reset(first.id, second.id, now)


def test_the_links_of_who_is_no_longer_an_administrator_are_dead(accounts, first, second, now):
    third = _accept(accounts, accounts.invite(first.id, Role.CLINICIAN, True, now), now, "cyd")
    token = accounts.make_reset(third.id, second.id, now)
    accounts.set_administrator(first.id, third.id, False, now)
    with pytest.raises(NotFound, match="no longer works"):
        accounts.reset_password(token, "another quiet lake", now)


def test_a_password_that_cannot_be_is_said_and_the_reset_link_lives(accounts, first, second, now):
    token = accounts.make_reset(first.id, second.id, now)
    with pytest.raises(Invalid, match="12 characters"):
        accounts.reset_password(token, "short", now)
    assert accounts.reset_offer(token, now).login == "ben"


def test_two_at_once_on_one_reset_link_set_one_password(accounts, first, second, now):
    token = accounts.make_reset(first.id, second.id, now)
    outcomes = _at_once(6, lambda i: accounts.reset_password(token, f"quiet lake number {i}", now))
    assert sorted(isinstance(o, NotFound) for o in outcomes) == [False] + [True] * 5
    assert accounts.sign_in("ben", f"quiet lake number {outcomes.index(None)}", "10.0.0.1", now)


def _at_once(count, act):
    """What each of `count` threads got or was told, all let go at the same moment."""
    gate = threading.Barrier(count)

    def run(i):
        gate.wait()
        try:
            return act(i)
        except AppError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
