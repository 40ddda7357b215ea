"""The measurement of many tasks: what it calls a gap, whom it kills, what it reads."""

import pytest
from faults import tiny_brain
from many_scans import write_text
from scale_dataset import TWICE, VOXELS, scan_names
from scale_kill import WAYS, plan_kills
from scale_records import gaps, table


def test_a_gap_is_from_an_end_to_the_begin_that_takes_its_place():
    two_places = [(0, 10), (0, 12), (11, 20), (12.5, 30), (20.25, 40)]
    assert gaps(two_places) == [1, 0.5, 0.25]
    # Two that end together make two places.
    assert gaps([(0, 5), (0, 5), (6, 9), (7, 9)]) == [1, 2]
    assert gaps([(0, 1)]) == []


def test_as_many_are_killed_as_were_planned_each_at_its_moment():
    kills = plan_kills(40, 30.0, seed=3)
    assert plan_kills(40, 30.0, seed=3) == kills != plan_kills(40, 30.0, seed=4)
    moments = dict(kills.planned)
    assert len(moments) == 4
    assert {way for _, way in moments.values()} == set(WAYS)
    # Tasks one after the other; the second that is to be killed ends before its moment.
    ended = sorted(moments)[1]
    now, killed = 0.0, []
    for number in range(60):
        first = moments.get(number, (0, ''))[0]
        assert kills.due({f'7_{number}'}, now) == [] or first == 0
        if number != ended:
            killed += kills.due({f'7_{number}'}, now + 30)
        now += 40
    assert len(killed) == len(kills.done) == 4
    assert f'7_{ended}' not in [task for task, _ in killed]
    assert kills.planned == {}


def test_participants_have_scans_of_different_sizes_and_some_a_second_session():
    names = scan_names(40)
    assert len(names) == 40 + 40 // TWICE
    assert f'sub-{TWICE:03d}_ses-B' in names
    assert len({tiny_brain(voxel, 0).shape for voxel in VOXELS}) == len(VOXELS)


def test_the_table_holds_what_only_one_of_both_runs_has():
    spread = {'median': 2, 'min': 1, 'max': 3}
    text = table({'undisturbed': {'s': spread, 'n': None}, 'killed': {'s': spread, 'MB': 4.5}})
    assert '| s | 2 (1 to 3) | 2 (1 to 3) |' in text
    assert '| n | not measured | not measured |' in text
    assert '| MB | not measured | 4.5 |' in text


def test_no_run_looks_into_the_log_folders_of_others(tmp_path, monkeypatch):
    """Ten thousand tasks with ten thousand such folders would be a hundred million looks."""
    import os

    from ulfprep.cli.participant import tidy_up
    from ulfprep.settings import Settings

    write_text(tmp_path / 'logs/20260101-000000_00000000/.ulfprep-0123456789ab', 'half')
    write_text(tmp_path / 'logs/resources/.ulfprep-0123456789ab', 'half')
    looked = []
    walk = os.walk
    monkeypatch.setattr(
        os, 'walk', lambda top: (looked.append(top[0]) or top for top in walk(top))
    )
    tidy_up(Settings(bids_dir=tmp_path, output_dir=tmp_path, analysis_level='participant'), ['01'])
    assert not any('20260101' in str(folder) for folder in looked)
    assert not list(tmp_path.glob('logs/resources/.ulfprep-*'))


@pytest.mark.parametrize('there', [True, False])
def test_participants_are_folders_of_a_dataset(tmp_path, there):
    from ulfprep.bids.read.index import find_participants

    root = tmp_path / 'data'
    if there:
        (root / 'sub-02').mkdir(parents=True)
        (root / 'sub-01').symlink_to(root / 'sub-02')
        (root / 'sub-03').write_text('a file')
    assert find_participants(root) == (['01', '02'] if there else [])
