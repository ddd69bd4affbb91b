"""Feeds mutated photographs to open_photo, guided by the branches that they reach.

    python -m tests.tools.fuzz_photo FOLDER -runs=2000
    python -m tests.tools.fuzz_photo FOLDER -max_total_time=3600

FOLDER keeps what was found from one run to the next. Any exception but PhotoError, a crash, five
seconds on one file or a gigabyte of memory end the run; the file is left in FOLDER.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "pillow_heif", "durian"]):
    from PIL import Image

    from durian import limits, photo
    from tests import corpus

    Image.init()  # Pillow loads its decoders when they are first needed, which would be too late


def one_file(data: bytes) -> None:
    """Open one file; the only two outcomes are a picture and a PhotoError."""
    try:
        image = photo.open_photo(data)
    except photo.PhotoError as refusal:
        assert str(refusal) in corpus.SENTENCES
        return
    assert image.mode == "RGB"
    assert 0 < image.width * image.height <= limits.MAX_PIXELS
    assert photo.to_array(image, 8).shape == (8, 8, 3)


def main() -> None:
    folder, *options = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    small = corpus.picture(40, 30)
    for forms in (corpus.forms, corpus.grey_forms, corpus.clear_forms):
        for name, data in forms(small):
            if len(data) < 20_000:
                Path(folder, name).write_bytes(data)
    limits = [
        "-timeout=5",
        "-rss_limit_mb=1024",
        "-seed=1",
        "-max_len=20000",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], folder, *limits, *options], one_file)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
