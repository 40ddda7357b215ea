"""Tables of targets, relaxation values and simulated scanners."""

from markupsafe import Markup

from ulfprep.reports import tables


def read(row):
    return tuple(Markup(cell).striptags() for cell in row)


def test_targets_stand_beside_what_was_measured(plan):
    full = plan | {
        'snr_standard_errors': [0.1, 0.05, 0.05],
        'target_spread': [12.0, 20.0, 0.0],
        'target_sources': ['stated with --target-contrast', 'physics', 'physics'],
    }
    rows = [read(row) for row in tables.targets({'contrast': full})]
    assert [row[0] for row in rows] == ['CSF', 'GM', 'WM']
    assert rows[1] == (
        'GM', '0.7500 \u00b1 0.0025', '16.700 \u00b1 0.050', '0.650 \u00b1 0.050', '1.15',
        'physics',
    )  # fmt: skip
    assert rows[0][5] == 'stated with --target-contrast'
    # Older records state less.
    assert read(tables.targets({'contrast': plan})[1])[3] == '0.65'
    assert tables.targets({}) == tables.targets({'contrast': None}) == []


def test_numbers_have_the_places_that_their_error_allows():
    values = {
        'T1_ms': 3695.4, 'T1_sd_ms': 369.5, 'T2_ms': 503.2, 'T2_sd_ms': 64.0, 'PD': 1.0,
        'PD_sd': 0.0, 'sources': [],
    }  # fmt: skip
    plan = {'target_field_T': 3.0, 'relaxation': {'target': {'CSF': values}}}
    ((_, t1, t2, density, _),) = map(read, tables.relaxation({'contrast': plan}))
    assert (t1, t2, density) == ('3700 \u00b1 370', '503 \u00b1 64', '1')


def test_relaxation_values_name_field_and_source():
    values = {
        'T1_ms': 832.0, 'T1_sd_ms': 83.2, 'T2_ms': 79.0, 'T2_sd_ms': 7.9, 'PD': 0.7,
        'PD_sd': 0.021, 'sources': ['A 1999', 'B 1997'],
    }  # fmt: skip
    plan = {'target_field_T': 3.0, 'relaxation': {'target': {'WM': values}}}
    (row,) = map(read, tables.relaxation({'contrast': plan}))
    assert row == (
        'WM at 3 T', '832 \u00b1 83', '79.0 \u00b1 7.9', '0.700 \u00b1 0.021', 'A 1999; B 1997'
    )  # fmt: skip


def test_a_simulation_states_its_scanner():
    facts = {
        'voxel_size_mm': [1.6, 1.6, 5.0], 'psf': 'kspace', 'snr': 14.0, 'noise_sd': 3.0,
        'bias_strength': 0.1, 'noise_fwhm_mm': 0.0, 'keep_head': False, 'n_realisations': 2,
        'seed': 1, 'stream': 'sub-01_T1w',
    }  # fmt: skip
    rows = dict(map(read, tables.simulation({'simulation': facts})))
    assert rows['Simulated voxels'] == '1.6 \u00d7 1.6 \u00d7 5 mm'
    assert rows['Correlation of the noise'] == 'none, white noise'
    assert rows['Simulated receive field'] == 's.d. of its logarithm 0.1'
    assert rows['Random stream'] == '1, sub-01_T1w'
    assert tables.simulation({'simulation': None}) == []
