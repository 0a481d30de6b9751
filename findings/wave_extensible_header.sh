#!/usr/bin/env bash
# Python 3.11's wave refuses 16-bit PCM whose header is the "extensible" one, which recorders write
#
# Input:     a second of mono 16-bit PCM at 8 kHz, written by soundfile 0.13.1 as WAV and as WAVEX: the same samples under
#            the plain header and under WAVE_FORMAT_EXTENSIBLE, whose sub-format says PCM.
# Expected:  both are read alike, as the samples are the same PCM.
# Behaviour: the second one is refused as of an unknown format, 65534; Python 3.12 and later read it.
# Seen:      wave.Error: unknown format: 65534   (Python 3.11.7)
# Source:    Lib/wave.py; gh-96035 brought extensible headers of PCM to 3.12.
# jaxgan:    `data.wav` says which header it is and what to write instead (16-bit PCM); with Python 3.12 it reads both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q soundfile==0.13.1 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import pathlib
import sys
import wave

import numpy as np
import soundfile

folder = pathlib.Path(sys.argv[1])
samples = (8000 * np.sin(np.arange(8000) / 10)).astype(np.int16)


def read(form):
    path = folder / f"{form}.wav"
    soundfile.write(path, samples, 8000, format=form, subtype="PCM_16")
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


assert np.array_equal(read("WAV"), samples)
if sys.version_info >= (3, 12):
    assert np.array_equal(read("WAVEX"), samples)
    print("read, as Python is 3.12 or newer")
    sys.exit()
try:
    read("WAVEX")
except wave.Error as error:
    print(f"wave.Error: {error}")
    assert "65534" in str(error)
else:
    sys.exit("it is read now")
PY
