"""A tokenizer of SentencePiece's kind, as Gemma has: in its own file, and the same as transformers loads it."""

from pathlib import Path

from tiny_families import Family
from tiny_models import HARD, SENTENCES, WORDS


def make(file: Path, family: Family):
    """Train one on some sentences, write its `tokenizer.model`, and give it as transformers loads it."""
    import sentencepiece
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    pad = family.pad if family.pad not in (None, family.eos) else "<pad>"
    named = {"bos": family.bos or "<s>", "eos": family.eos, "pad": pad}
    special = [token for token in family.special if token not in named.values()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*SENTENCES, *HARD.values(), *WORDS] * 20),
        model_prefix=str(file.with_suffix("")),
        model_type="bpe",
        vocab_size=700,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=False,
        user_defined_symbols=special,
        **{f"{role}_piece": token for role, token in named.items()},
        pad_id=3,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))
    vocabulary = {pieces.id_to_piece(number): number for number in range(pieces.vocab_size())}
    merges = sorted(
        (-pieces.get_score(number), vocabulary[piece[:at]], vocabulary[piece[at:]], piece[:at], piece[at:])
        for piece, number in vocabulary.items()
        for at in range(1, len(piece))
        if piece[:at] in vocabulary and piece[at:] in vocabulary and piece not in special
    )
    parts = [tuple(merge[3:]) for merge in merges]
    tokenizer = Tokenizer(models.BPE(vocabulary, parts, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{role}_token": name for role, name in named.items()}
    )
    fast.add_special_tokens({"additional_special_tokens": special})
    fast.chat_template = family.template
    return fast
