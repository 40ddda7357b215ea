#!/usr/bin/env bash
# dcm2niix 1.0.20260724: PulseSequenceType tells the inversion of a spin echo, and only where
# ScanningSequence says IR; that of a gradient echo is never told. InversionTime stands beside it.
#
# Input: four DICOM files a case, 3-D, RepetitionTime 1500 ms, EchoTime 7 ms, InversionTime 300 ms,
# which differ in ScanningSequence (0018,0020) alone.
# Seen:  SE     -> "Spin Echo"                       InversionTime 0.3
#        SE\IR  -> "Inversion Recovery Spin Echo"    InversionTime 0.3
#        GR     -> "Gradient Echo"                   InversionTime 0.3
#        GR\IR  -> "Gradient Echo"                   InversionTime 0.3   (what every MPRAGE writes)
# So whoever reads the contrast of an image off PulseSequenceType takes an MPRAGE for a spoiled
# gradient echo of 1.5 s, which has no T1 weighting. The inversion is in InversionTime.
#
# Exits with 0 while this is what is seen, with 1 once it changes. Needs Python 3 and PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv tools
tools/bin/pip install --quiet dcm2niix==1.0.20260724 pydicom==3.0.2 numpy
cat > make.py <<'PY'
import sys
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

folder, words = Path(sys.argv[1]), sys.argv[2].split('+')
folder.mkdir()
study, series, frame = generate_uid(), generate_uid(), generate_uid()
for number in range(4):
    slice_ = Dataset()
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.file_meta.MediaStorageSOPClassUID = slice_.SOPClassUID = MRImageStorage
    slice_.SOPInstanceUID = generate_uid()
    slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
    slice_.StudyInstanceUID, slice_.SeriesInstanceUID = study, series
    slice_.FrameOfReferenceUID = frame
    slice_.Modality, slice_.Manufacturer = 'MR', 'Phantom'
    slice_.PatientName, slice_.PatientID = 'Phantom', '1'
    slice_.ImageType = ['ORIGINAL', 'PRIMARY', 'M']
    slice_.StudyDate, slice_.StudyTime, slice_.AcquisitionTime = '20260101', '120000', '120000'
    slice_.SeriesNumber, slice_.InstanceNumber = 1, number + 1
    slice_.ScanningSequence, slice_.SequenceVariant = words, 'NONE'
    slice_.ScanOptions, slice_.MRAcquisitionType = '', '3D'
    slice_.RepetitionTime, slice_.EchoTime, slice_.InversionTime = '1500', '7', '300'
    slice_.FlipAngle, slice_.MagneticFieldStrength = '90', '0.064'
    slice_.SliceThickness, slice_.SpacingBetweenSlices = '5', '5'
    slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    slice_.ImagePositionPatient, slice_.PixelSpacing = [0, 0, 5 * number], [1.6, 1.6]
    slice_.Rows = slice_.Columns = 16
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, 'MONOCHROME2'
    slice_.BitsAllocated = slice_.BitsStored = 16
    slice_.HighBit, slice_.PixelRepresentation = 15, 0
    slice_.PixelData = (np.arange(256, dtype=np.uint16) + number).tobytes()
    slice_.save_as(folder / f'{number}.dcm', enforce_file_format=True)
PY
cat > read.py <<'PY'
import json
import sys

found = json.load(open(sys.argv[1]))
print(found.get('PulseSequenceType'), found.get('InversionTime'))
PY
status=0
while IFS='|' read -r words expected; do
    tools/bin/python make.py "in_$words" "$words"
    mkdir "out_$words"
    tools/bin/dcm2niix -o "out_$words" -f scan "in_$words" > /dev/null
    seen=$(tools/bin/python read.py "out_$words/scan.json")
    echo "$words -> $seen"
    [ "$seen" = "$expected" ] || { echo "  was: $expected"; status=1; }
done <<'CASES'
SE|Spin Echo 0.3
SE+IR|Inversion Recovery Spin Echo 0.3
GR|Gradient Echo 0.3
GR+IR|Gradient Echo 0.3
CASES
exit $status
