import pytest
from markupsafe import Markup

from ulfprep.reports import texts


def read(sentences):
    return Markup(' ').join(sentences).striptags()


def test_summary_says_what_was_decided(qc):
    text = read(texts.summary(qc))
    assert '0.064 T' in text
    assert '3 T' in text
    assert '1.6 \u00d7 1.6 \u00d7 5 mm' in text
    assert 'Rayleigh background' in text
    assert 'stated: InversionTime is not in the sidecar: 0.3 assumed.' in text
    assert 'embedded HMRF-EM' in text


@pytest.mark.parametrize(
    ('asked', 'shown'), [({}, '1 mm'), ({'output_resolution': 0.5}, '0.5 mm')]
)
def test_summary_says_how_fine_the_image_is(qc, asked, shown):
    qc['settings'] |= asked
    assert f'look at 3 T with voxels of {shown}.' in texts.summary(qc)[0].striptags()


def test_summary_of_a_simulation_and_of_nothing_assumed(qc):
    qc['direction'] = 'simulate'
    qc['contrast']['defaults_used'] = []
    text = read(texts.summary(qc))
    assert 'taken down' in text
    assert 'Nothing had to be assumed' in text


def test_summary_of_a_simulation_tells_both_scanners(qc):
    qc['direction'] = 'simulate'
    qc['contrast'] |= {'psf': 'kspace', 'psf_fwhm_mm': [1.0, 1.0, 1.0]}
    qc['simulation'] = {
        'voxel_size_mm': [1.6, 1.6, 5.0], 'psf': 'kspace', 'snr': 14.0, 'n_realisations': 3,
    }  # fmt: skip
    text = read(texts.summary(qc))
    assert 'acquired with 1 \u00d7 1 \u00d7 1 mm (voxel size of the file).' in text
    assert '3 scans that differ in their noise were simulated with voxels of 1.6 \u00d7' in text
    assert 'signal to noise of 14.' in text
    assert 'Point-spread function' not in dict(texts.overview(qc))


def test_an_empty_record_is_still_put_into_words():
    assert texts.summary({})
    assert dict(texts.overview({}))['Noise sigma'] == 'not recorded'
    assert texts.tiles({})


def test_sequences_come_in_milliseconds_and_degrees():
    parameters = {'kind': 'IR-FSE', 'inversion_time': 0.3, 'flip_angle': 90.0, 'extra': None}
    sequence = texts.sequence({'scan': parameters}, 'scan').striptags()
    assert sequence == 'IR-FSE: inversion time 300 ms, flip angle 90\u00b0'
    assert texts.sequence({}, 'contrast.source_sequence') is None


def test_tiles_are_those_that_were_measured(qc):
    labels = [label for _, label in texts.tiles(qc)]
    assert 'r.m.s. residual / noise (ideal 1)' in labels
    assert not any('put in' in label for label in labels)
    qc['metrics'] = {'noise_ratio_simulated': 1.02, 'psf_ratio_simulated': None}
    (*_, (value, label)) = texts.tiles(qc)
    assert (value.striptags(), label) == ('1.02', 'noise found / noise put in (ideal 1)')
