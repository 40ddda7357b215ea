"""What each figure is called, shows, and what the reader should look for in it."""

from typing import NamedTuple


class Caption(NamedTuple):
    """Words around one figure.

    Attributes
    ----------
    title : str
    alt : str
        For readers who cannot see the picture.
    look : str
        What to look for.
    caution : str
        When not to trust the result.
    views : tuple of str
        Names of the picture's two halves where the page can flick between them.
    first_view : str
        ``both`` or ``second``: what the page shows before anything is clicked.
    """

    title: str
    alt: str
    look: str
    caution: str
    views: tuple[str, ...] = ()
    first_view: str = 'both'


CAPTIONS = {
    'enhancement': Caption(
        'Interpolated scan and enhanced image',
        'Axial, coronal and sagittal slices with close-ups of cortex and deep grey matter, once '
        'cubically interpolated from the scan and once enhanced.',
        'Every border that the enhanced image sharpens should already be hinted at in the '
        'interpolated scan. Both images are divided by their own white-matter mean and share '
        'one grey window. The frames show where the close-ups lie: the cortex (full line) where '
        'the border of grey and white matter is longest, the deep grey matter (dashed) around '
        'the middle of the brain.',
        'Fine detail that has no trace in the scan is the model\u2019s guess, lesions above all: '
        'what the scan did not show cannot be recovered, and what is unlike ordinary tissue may '
        'be smoothed or painted in a tissue\u2019s usual grey.',
        ('Interpolated', 'Enhanced'),
    ),
    'simulated': Caption(
        'Source scan and simulated scan',
        'Axial, coronal and sagittal slices with close-ups of the source scan and of the scan '
        'simulated from it.',
        'The simulated scan should be coarser and noisier, with the tissues in the order of '
        'brightness that its field strength gives. Both are divided by their own white-matter '
        'mean.',
        'A simulation knows three tissues and Gaussian coil noise; it has no motion, no '
        'distortion and no vendor filter, and outside the brain it shows nothing.',
        ('Source', 'Simulated'),
    ),
    'simcheck': Caption(
        'Noise and sharpness of the simulated scan',
        'Histogram of the background of the simulated scan against the density of the noise that '
        'was put in; power spectra along the three axes against those that the point-spread '
        'function asks for.',
        'The histogram should fill the orange curve. The blue line of each spectrum should run '
        'along the orange one; where both reach 1 the noise is all there is.',
        'Both say that the simulation did what was asked, not that a scanner does the same. The '
        'expected spectrum takes every voxel for the tissue it most resembles, so some deviation '
        'at its end is no fault; a bias field put in lifts the first points.',
    ),
    'histogram': Caption(
        'Intensities of the tissues before and after',
        'Histograms of cerebrospinal fluid, grey matter and white matter in the scan and in the '
        'result, with the mean measured in the scan and the target mean of each.',
        'In the lower chart each hill should stand on the dashed line of its colour. The hills of '
        'an enhanced image should overlap less than those above, those of a simulated scan more. '
        'Intensities are divided by the mean of white matter.',
        'The tissues of both charts come from the same segmentation, which saw the scan alone: '
        'hills that are well apart do not prove that borders lie where they should.',
    ),
    'prediction': Caption(
        'Scan, and scan as predicted from the enhanced image',
        'Axial, coronal and sagittal slices of the scan as measured and of the scan that the '
        'enhanced image predicts through the forward model, in one grey window.',
        'But for its noise the measured scan should look like the predicted one: the same '
        'borders, in the same places, equally bright. Flick between the two; what moves or '
        'changes shade is what the enhanced image gets wrong. The residual is their difference.',
        'Agreement is necessary and not sufficient: detail finer than the scan leaves no trace '
        'in either picture. Voxels at the rim of the brain are not compared and are black in '
        'both.',
        ('Measured', 'Predicted'),
    ),
    'thumbnail': Caption(
        'Result in small',
        'Axial, coronal and sagittal slice of the result.',
        '',
        '',
    ),
    'segmentation': Caption(
        'Tissues of the enhanced image',
        'Enhanced image in six slices, plain and with grey matter, white matter and '
        'cerebrospinal fluid in colours.',
        'Colours should follow the borders of the image. Flick to the plain picture where in '
        'doubt: thin cortex and deep grey nuclei (thalamus, pallidum) are the first to go '
        'wrong.',
        'Every voxel is given one of three tissues; a lesion, vessel or membrane is forced into '
        'the one that it resembles.',
        ('Plain', 'With tissues'),
        'second',
    ),
    'bias': Caption(
        'Bias field before and after',
        'Scan as measured, bias field, and scan divided by the field, in three planes; charts of '
        'the medians of white and grey matter along each axis before and after.',
        'In the charts the dashed lines (as measured) follow the field; the full ones should run '
        'more level, with white and grey matter as far apart as before. Both pictures share one '
        'grey window, and the field should be smooth. The ends of the lines rest on few voxels, '
        'and a tissue is not equally bright everywhere.',
        'A field that follows anatomy has taken contrast for bias: white and grey matter come '
        'closer, and the contrast measured below is then too low. Their ratio as measured holds '
        'the field too, where more white than grey matter lies in bright places, so it may change '
        'without that. The tissues are those of the corrected scan.',
    ),
    'tissues': Caption(
        'Brain mask and tissues of the scan',
        'Scan in six slices, plain and with the outline of the brain mask, tinted cerebrospinal '
        'fluid, and the outer borders of grey and white matter.',
        'The mask should hug the brain, leave out skull and eyes, and keep the cortex and the '
        'cerebellum. The white-matter border should follow the bright core of each gyrus.',
        'All later steps work inside this mask and start from these tissues. Thick slices blur '
        'borders across slices: judge in the axial plane first.',
        ('Plain', 'With outlines'),
        'second',
    ),
    'disagreement': Caption(
        'Where scan and network disagree',
        'Map, in three planes, of the scan minus what the anatomy that the network expects makes '
        'of it, red where the scan is brighter and blue where it is darker; and the scan, '
        'coloured where that is far off.',
        'The network says which tissues it expects in each place, and their signals are measured '
        'in the scan; what both do not explain is shown, lightly averaged, in units of what is '
        'usual in this scan. Specks should be there, and thin lines along sulci and ventricles: '
        'the network does not know every fold. A coherent patch of one colour should not: it is '
        'a lesion, a large vessel, a wrong tissue, a rest of the bias field or, along the rim, '
        'a bad mask.',
        'The scan has the last word, so the tissues above may be right where this map is '
        'coloured. Where it is pale both may be wrong alike: what has the brightness of the '
        'tissue that is expected there, or is smaller than a voxel, leaves no trace. Three '
        'slices are shown and not the whole brain. It says where to look and finds no disease; '
        'the unit is the scan\u2019s own, so two scans cannot be compared by it.',
    ),
    'tissuechange': Caption(
        'What the fit changed in the tissues',
        'Scan in three planes with a coloured map of the share of each voxel that changed its '
        'tissue, and the same with the main direction of each change as a colour.',
        'The fit starts from the tissues above and refines them. Both are compared as the '
        'scan’s voxels see them, through the point-spread function, so a border that only '
        'became sharper does not count. Changes should be thin and lie along borders, and moves '
        'to and fro should be of like size. A change in the lower picture has the colour of '
        'the tissue it led to; it is shown from a tenth of a voxel on.',
        'A patch of one colour, or one direction that outweighs its opposite by far, means that '
        'the fit read the scan otherwise than the segmentation did: look at both, for either '
        'may be wrong.',
    ),
    'contrast': Caption(
        'Contrast of the tissues',
        'Mean intensity of each tissue divided by that of white matter, in the scan, as aimed '
        'at, and as achieved, with standard errors, of the target with the spread that relaxation '
        'values leave; a table of pairwise contrasts.',
        'The filled squares (achieved) should sit near the diamonds (target).',
        'Unless it was stated or measured, the target comes from published relaxation times and '
        'a typical sequence, not from this person: it is an expectation for healthy adults.',
    ),
    'residual': Caption(
        'Residual',
        'Map of the residual in units of the noise in three planes, as it is and averaged over '
        'ten millimetres, and its histogram against a unit normal distribution.',
        'The upper map should look like noise, and the averaged one below should be pale, '
        'without anatomy in it. A root mean square near 1 says '
        'that the enhanced image explains the scan down to the noise; well below 1 the noise '
        'was fitted too, well above 1 something was missed.',
        'Red or blue structure (a rim, a lesion, a ventricle) marks places where the enhanced '
        'image contradicts the scan: do not believe it there. In a scan that was resampled after '
        'acquisition neighbouring voxels share their noise, and the averaged map overstates.',
    ),
    'uncertainty': Caption(
        'Uncertainty',
        'Map of the standard deviation of the enhanced image in six slices.',
        'Read it as an error bar: on simulated scans two thirds to three quarters of the truth '
        'lay within one standard deviation of the enhanced image, and more than nine in ten '
        'within 1.96. Expect more of it along the borders of tissues than within them.',
        'It follows the doubt of the tissues. A wrong mask, a wrong noise level, tissues that are '
        'surely wrong, or a lesion that the model has no tissue for can be wrong and still look '
        'certain.',
    ),
    'entropy': Caption(
        'Tissue entropy',
        'Map of the entropy of the tissue probabilities in six slices, in bits.',
        'Zero means that one tissue is certain, one bit that two are equally likely, 1.58 that '
        'nothing is known. Bright lines should be thin and follow the borders of tissues.',
        'It is as overconfident as the probabilities are: a dark place is one of which the model '
        'is sure, not one where it is right. A bright patch is often a lesion, a vessel, or a '
        'nucleus between grey and white.',
    ),
    'claim': Caption(
        'Claim map',
        'Map of the share of the local detail of the enhanced image that the scan supports, in '
        'six slices, from 0 to 1.',
        'Near one, the structure that the enhanced image shows here would have passed the '
        'scanner and its noise; near zero, it is the prior’s, or there is none. Expect most '
        'of it along the ventricles and the large sulci.',
        'It weighs structure finer than about 10 mm against the scan’s resolution and '
        'noise. It does not say that supported structure is right: motion and ringing are '
        'measured detail too.',
    ),
    'loss': Caption(
        'Loss',
        'Terms of the loss against the step of the estimate, or of the fit of a network, on a '
        'logarithmic axis; root mean square of the residual against the step; where it ended.',
        'The total should fall and then flatten out, and the residual should come near the noise '
        '(1). The red line marks the last step. Terms beside the data may rise a little while '
        'the data are met.',
        'A curve that still falls steeply at the end was stopped too early; one that jumps '
        'late did not settle.',
    ),
}
UNKNOWN = Caption('', 'Figure without a description.', '', '')
