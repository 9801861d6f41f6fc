from types import SimpleNamespace

from cefr_helpers.training import callbacks


def test_the_speed_of_training_leaves_out_all_evaluations_and_no_step(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    progress = callbacks.ProgressCallback()
    state = SimpleNamespace(global_step=0, num_input_tokens_seen=0)
    progress.on_train_begin(None, state, None)
    assert progress.tokens_per_s() is None
    for step in range(1, 5):
        now[0] += 2.0
        state.global_step, state.num_input_tokens_seen = step, 100 * step
        progress.on_step_end(None, state, None)
        if step % 2 == 0:
            now[0] += 30.0
            progress.on_evaluate(None, state, None)
        assert progress.tokens_per_s() == 50  # also after the last evaluation, which no step follows
