import pytest

from sonic_core.diffusion.windows import CircularWindows, OpenWindows
from sonic_core.engines.sonic.estimating import open_windows
from sonic_core.engines.sonic.planning import (
    GIB,
    MARGIN,
    MemoryPlan,
    ModelSizes,
    Place,
    choose_plan,
    plans,
    smaller,
)
from sonic_core.engines.sonic.presets import PRESETS
from sonic_core.engines.sonic.work_count import decode_flops, estimate, pass_flops
from sonic_core.errors import SonicError

FULL_SIZE = ModelSizes(round(2.94 * GIB), round(1.47 * GIB), round(0.18 * GIB), round(1.18 * GIB), 320)  # fp16


def plan(free_gib, side=64, **wish):
    return choose_plan(free_gib * GIB, FULL_SIZE, (side, side), 25, Place(2, **wish))


def test_the_less_memory_the_more_is_done_one_after_the_other():
    roomy, middle, tight = plan(24), plan(8), plan(4.7)
    assert roomy.together
    assert not roomy.chunked
    assert not middle.together
    assert tight.chunked
    assert tight.unload_unet or tight.decode_chunk < 8 or tight.small_weights
    assert all(p.peak * MARGIN <= free * GIB for p, free in ((roomy, 24), (middle, 8), (tight, 4.7)))


def test_512_fits_into_8_gib_at_full_size():
    assert plan(8).peak <= 8 * GIB


def test_eight_bit_weights_come_last_unless_they_are_asked_for():
    assert not plan(5.2).small_weights
    assert plan(3.5).small_weights
    asked = plan(24, small_weights=True)
    assert asked.small_weights
    assert asked.together
    assert asked.peak < plan(24).peak


def test_where_there_are_no_8_bits_the_plan_does_without_or_says_what_it_needs():
    assert not plan(5.2, small_weights=False).small_weights
    with pytest.raises(SonicError, match=r"needs 4\.9 GiB"):
        plan(3.4, small_weights=False)


def test_too_little_memory_is_an_error_before_anything_runs():
    with pytest.raises(SonicError, match=r"0\.5 GiB of memory are free; the smallest plan for 512x512 needs"):
        plan(0.5)


def test_larger_pictures_need_more():
    assert plan(24, 64).peak < plan(48, 128).peak


def test_work_is_the_counted_one():
    assert 3 * pass_flops(25, 64 * 64) == pytest.approx(95.24e12, rel=0.005)
    assert 3 * pass_flops(25, 128 * 128) == pytest.approx(491e12, rel=0.01)
    assert decode_flops(64 * 64) == pytest.approx(3.043e12, rel=0.005)
    assert decode_flops(128 * 128) == pytest.approx(12.58e12, rel=0.005)


def passes(preset, key_frames=125, windows=None, steps=25):
    counted = estimate(key_frames, (64, 64), steps, PRESETS[preset], windows or CircularWindows(25), 25, plan(24))
    return counted.passes


def test_exact_takes_three_passes_per_window_and_step():
    assert passes("exact") == 3 * 25 * 5
    assert passes("exact", 126) == 3 * 25 * 6


def test_presets_take_the_passes_that_they_promise():
    exact = passes("exact")
    assert exact / passes("balanced") >= 1.9
    assert exact / passes("fast") >= 4
    assert exact / passes("preview") >= 8


def test_open_windows_cost_at_most_a_window_more_per_step():
    assert passes("exact") <= passes("exact", windows=OpenWindows(25)) <= 3 * 25 * 6


def test_only_exact_pays_for_a_window_more_where_the_fewest_have_room_to_move():
    counted = {name: passes(name, 63, open_windows(preset)) for name, preset in PRESETS.items()}
    assert counted["exact"] == 3 * 87  # of 25 steps 12 take three windows, 13 four
    assert {name: counted[name] for name in PRESETS if name != "exact"} == {
        name: passes(name, 63) for name in PRESETS if name != "exact"
    }


def test_an_estimate_reads_as_a_sentence():
    counted = estimate(125, (64, 64), 25, PRESETS["exact"], CircularWindows(25), 25, plan(24))
    assert counted.described(1e14).startswith("125 key frames, 25 steps, 375 UNet passes, ")
    assert "about 2 min" in counted.described(1e14)


def test_as_many_sequences_as_an_attention_call_can_take_go_together():
    def rows_and_columns(rows, columns):
        return choose_plan(200 * GIB, FULL_SIZE, (rows, columns), 25, Place(2))

    assert rows_and_columns(128, 128).together
    assert not rows_and_columns(192, 128).together  # 73,728 positions of three branches


def test_reference_mode_decodes_in_chunks_of_eight_or_not_at_all():
    reference = Place(2, decode_chunks=(8,))
    assert choose_plan(12 * GIB, FULL_SIZE, (64, 64), 25, reference).decode_chunk == 8
    with pytest.raises(SonicError, match=r"Leave reference out \(it decodes 8 frames at once\)"):
        choose_plan(8 * GIB, FULL_SIZE, (96, 96), 25, reference)
    assert choose_plan(8 * GIB, FULL_SIZE, (96, 96), 25, Place(2)).decode_chunk < 8


def test_on_a_host_nothing_is_unloaded_and_every_network_counts():
    ways = plans(FULL_SIZE, (64, 64), 25, Place(4, may_batch=False, small_weights=False, on_host=True))
    assert not any(plan.unload_unet for plan in ways)
    networks = FULL_SIZE.unet + FULL_SIZE.vae + FULL_SIZE.clip + FULL_SIZE.audio
    assert all(min(plan.encoding, plan.sampling, plan.decoding) > networks for plan in ways)


@pytest.mark.parametrize("place", [Place(2), Place(4, False, False, True), Place(2, decode_chunks=(8,))])
@pytest.mark.parametrize("stage", ["sampling", "decoding"])
def test_from_every_plan_a_way_leads_down_to_the_smallest(place, stage):
    ways = plans(FULL_SIZE, (64, 64), 25, place)
    plan: MemoryPlan | None = ways[0]
    seen = []
    while plan is not None:
        seen.append(getattr(plan, stage))
        plan = smaller(ways, plan, stage)
    assert seen == sorted(set(seen), reverse=True)
    if stage == "sampling":
        assert seen[-1] == min(way.sampling for way in ways)
