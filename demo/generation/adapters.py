"""LoRA adapters beside one model in memory: loaded on first use, switched between tokens, the oldest dropped."""

import logging
from collections import OrderedDict
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from data.errors import Invalid
from demo.generation.folders import DIGEST_LENGTH, Found, fingerprint, is_hub_id, own_name, read_json

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

KEPT = 4
log = logging.getLogger(__name__)


class Adapters:
    """Used by one thread. A key names a loaded adapter; "" is the model alone."""

    def __init__(self, model: "PreTrainedModel", name: str, revision: str) -> None:
        self._model, self._name, self._revision = model, name, revision
        self._peft: Any = None  # a PeftModel once there is an adapter
        self._loaded: OrderedDict[tuple[Any, ...], str] = OrderedDict()  # least recently used first
        self._made = 0
        self._current: str | None = ""

    @property
    def loaded(self) -> int:
        return len(self._loaded)

    def load(self, found: Found, in_use: Collection[str] = ()) -> str:
        """The key of an adapter, loaded unless it is already; those `in_use` are not dropped for it.

        A folder whose files were replaced is another adapter. Raises `Invalid` for one that does not fit this model.
        """
        identity = (found.folder, fingerprint(found.folder))
        if identity not in self._loaded:
            self._check_base(found)
            key = f"a{self._made}"
            self._made += 1
            self._attach(found, key)
            self._loaded[identity] = key
        self._loaded.move_to_end(identity)
        key = self._loaded[identity]
        self._drop({key, *in_use})
        return key

    def use(self, key: str) -> None:
        """Answer with this adapter from the next step on; costs nothing where it is already so."""
        if key == self._current:
            return
        self._current = None  # unknown, should the switch fail half-way
        if self._peft is not None:
            if key:
                self._peft.base_model.enable_adapter_layers()
                self._peft.base_model.set_adapter(key, inference_mode=True)
            else:
                self._peft.base_model.disable_adapter_layers()
        self._current = key

    def _check_base(self, found: Found) -> None:
        """Shapes are compared on loading; here what the adapter says of its base, where both sides name it alike."""
        config = read_json(found.folder / "adapter_config.json")
        base, revision = str(config.get("base_model_name_or_path") or ""), str(config.get("revision") or "")
        if is_hub_id(base) and is_hub_id(self._name) and _short(base) != _short(self._name):
            raise Invalid(f"The adapter {found.name} was trained for {base}, and this model is {self._name}.")
        digests = len(revision) == len(self._revision) == DIGEST_LENGTH
        if digests and revision != self._revision:
            raise Invalid(
                f"The adapter {found.name} was trained for other weights of {own_name(self._name)}."
            )

    def _attach(self, found: Found, key: str) -> None:
        from peft import PeftConfig, PeftModel, load_peft_weights

        try:
            config = PeftConfig.from_pretrained(str(found.folder))
            weights = load_peft_weights(str(found.folder), device="cpu")
            self._rehearse(config, weights)
        except Exception as error:
            log.warning("adapter %s: %s", found.name, type(error).__name__)
            raise Invalid(
                f"The adapter {found.name} cannot be used: it is damaged or made for another base model."
            ) from error
        device = str(self._model.device)
        self._current = None
        if self._peft is None:
            self._peft = PeftModel.from_pretrained(
                self._model, str(found.folder), key, autocast_adapter_dtype=False, torch_device=device
            )
        else:
            self._peft.load_adapter(str(found.folder), key, autocast_adapter_dtype=False, torch_device=device)
        self._peft.eval()

    def _rehearse(self, config: "PeftConfig", weights: dict[str, Any]) -> None:
        """Load into a shape of the model without memory first: a load that fails half-way cannot be taken back."""
        import warnings

        import torch
        from peft import PeftModel, set_peft_model_state_dict
        from transformers import AutoModelForCausalLM

        if config.is_prompt_learning:
            raise ValueError("adapters that add prompt tokens are not served")
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a copy into no memory is what is wanted
            shape = PeftModel(AutoModelForCausalLM.from_config(self._model.config), config, "a")
            result: Any = set_peft_model_state_dict(shape, weights, adapter_name="a")
        missing = [k for k in result.missing_keys if ".a." in k or k.endswith(".a")]
        if missing or result.unexpected_keys:
            raise ValueError(f"{len(missing)} weights missing, {len(result.unexpected_keys)} unknown")

    def _drop(self, keep: Collection[str]) -> None:
        for identity, key in list(self._loaded.items()):
            if len(self._loaded) <= KEPT:
                return
            if key not in keep and self._peft is not None:
                del self._loaded[identity]
                self._current = None
                self._peft.delete_adapter(key)


def _short(hub_id: str) -> str:
    return hub_id.rsplit("/", 1)[-1].casefold()
