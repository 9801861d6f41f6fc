from types import SimpleNamespace

import torch
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.cache_utils import DynamicLayer

from cefr_helpers.models import growing_cache
from cefr_helpers.models.growing_cache import GrowingLayer

CHANGES = {
    "rows repeated": lambda layer: layer.batch_repeat_interleave(2),
    "rows chosen": lambda layer: layer.batch_select_indices(torch.tensor([1])),
    "every row chosen": lambda layer: layer.batch_select_indices(torch.tensor([1, 0])),
    "tokens removed": lambda layer: layer.crop(-3),
    "beams in another order": lambda layer: layer.reorder_cache(torch.tensor([1, 1])),
}


def test_it_holds_what_the_cache_of_transformers_holds():
    for name, change in CHANGES.items():
        draw = torch.Generator().manual_seed(0)
        own, theirs = GrowingLayer(), DynamicLayer()
        for step, tokens in enumerate([5, 1, 1, 100, 1, 1]):
            if step == 3:
                change(own)
                change(theirs)
            rows = theirs.keys.shape[0] if theirs.is_initialized else 2
            new = [torch.randn(rows, 3, tokens, 4, generator=draw) for _ in range(2)]
            held = own.update(*new)
            for one, other in zip(held, theirs.update(*new), strict=True):
                assert torch.equal(one, other), (name, step)
            assert own.get_seq_length() == theirs.get_seq_length()
            assert own.get_mask_sizes(1) == theirs.get_mask_sizes(1)


def test_a_new_token_copies_nothing_until_the_room_is_used():
    layer = GrowingLayer()
    layer.update(*torch.zeros(2, 1, 3, 10, 4))
    places = [layer.update(*torch.ones(2, 1, 3, 1, 4))[0].data_ptr() for _ in range(70)]
    assert places[:64] == places[:1] * 64
    assert places[64] != places[0] and places[64:] == [places[64]] * 6


def test_rows_that_share_memory_before_a_change_do_not_share_it_after():
    layer = GrowingLayer()
    layer.update(*torch.zeros(2, 2, 1, 3, 4))
    before = layer.keys
    layer.batch_select_indices(torch.tensor([0, 1]))
    layer.update(*torch.ones(2, 2, 1, 1, 4))
    assert before.shape[-2] == 3 and not before.any()


def test_layers_that_do_not_keep_all_tokens_are_those_of_transformers(tiny_folder):
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    assert {type(layer) for layer in growing_cache.for_model(model).layers} == {GrowingLayer}
    model = SimpleNamespace(config=AutoConfig.for_model("mistral", num_hidden_layers=2, sliding_window=4))
    theirs = [type(layer) for layer in DynamicCache(config=model.config).layers]
    assert [type(layer) for layer in growing_cache.for_model(model).layers] == theirs != [DynamicLayer] * 2
