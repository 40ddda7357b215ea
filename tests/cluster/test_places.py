"""Paths of a container, and where they are on the host."""

from pathlib import Path

import pytest

from ulfprep.cluster.places import PlaceError, Places, bind, binds_of, led_to, parse_binds
from ulfprep.settings import Settings

#: As Apptainer 1.4.5 shows them: --containall, three folders bound.
MOUNTS = r"""
1 0 0:1 / / rw,nodev shared:1 - overlay overlay rw
2 1 0:2 /root /root rw - tmpfs tmpfs rw
3 1 0:2 /tmp /tmp rw - tmpfs tmpfs rw
4 1 8:1 /tmp/cluster/h1 /data ro - ext4 /dev/vda rw
5 1 8:1 /srv/h\0402 /srv/h\0402 rw - ext4 /dev/vda rw
6 1 0:9 /study /scratch/study rw - nfs4 server:/export rw
7 1 0:9 / /archive rw - lustre server:/archive rw
"""
ENVIRONMENT = {'APPTAINER_CONTAINER': '/i.sif', 'APPTAINER_BIND': '/data,/srv/h 2,/scratch/study'}


def test_folders_at_their_own_path_are_found_and_others_refused():
    places = Places.of(ENVIRONMENT, MOUNTS)
    for path in ('/srv/h 2/out', '/scratch/study', '/archive/x/y'):
        assert places.on_host(Path(path)) == path
    for path in ('/tmp/out', '/root/out', '/out'):
        with pytest.raises(PlaceError, match='in the container alone'):
            places.on_host(path)
    with pytest.raises(PlaceError, match='/data/x: was bound from another path'):
        places.on_host('/data/x')
    # Without a container all paths are the host's.
    assert Places.of({}, MOUNTS).on_host('/data/x') == '/data/x'


def test_a_variable_that_tells_both_is_believed():
    told = {'SINGULARITY_CONTAINER': '/i.sif', 'SINGULARITY_BIND': '/a/b:/data:ro,/c:/data/out'}
    places = Places.of(told, MOUNTS)
    assert places.on_host('/data/sub-01') == '/a/b/sub-01'
    assert places.on_host('/data/out/x') == '/c/x'
    assert parse_binds('/a,b:c,,/d:/e') == (('/d', '/e'),)


def test_everything_that_settings_name_is_bound(tmp_path):
    bids, out = tmp_path / 'in', tmp_path / 'in' / 'derivatives' / 'out'
    names = ('masks', 'fmriprep', 'elsewhere', 'annex')
    masks, fmriprep, elsewhere, annex = (tmp_path / name for name in names)
    for folder in (out, masks, fmriprep, annex):
        folder.mkdir(parents=True)
    reference = tmp_path / 'high_T1w.nii.gz'
    reference.touch()
    image = bids / 'scan.nii.gz'
    (annex / 'key').touch()
    image.symlink_to(annex / 'key')
    settings = Settings(
        bids, out, brain_mask=masks, derivatives=(fmriprep,), reference=reference,
        simulate_as_bids=elsewhere,
    )  # fmt: skip
    binds = binds_of(settings, Places(), [image])
    read = [f'{path}:{path}:ro' for path in (bids, fmriprep, masks, reference, annex)]
    # The output last, for it lies in what is read-only.
    assert list(binds) == [*read, f'{elsewhere}:{elsewhere}', f'{out}:{out}']
    assert led_to(bids, [out]) == []
    raw = out / 'sourcedata' / 'raw'
    nested = binds_of(Settings(raw, out), Places())
    assert list(nested) == [f'{out}:{out}', f'{raw}:{raw}:ro']
    with pytest.raises(PlaceError, match='colon'):
        bind('/a:b', '/a:b')
