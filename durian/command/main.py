"""The command `durian`: what it is asked, and how it ends."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from tqdm import tqdm

from .. import memory
from ..classifier import DurianClassifier
from ..hub import ModelError
from . import output
from .answers import rows
from .files import STDIN, photos
from .output import Done, OutputError
from .table import shown

FAILED, WRONG_USE, STOPPED = 1, 2, 130  # exit statuses; 130 is what shells expect after Ctrl-C

ABOUT = """\
Tell the breed of the durian in each photograph, and how sure that is.

A row has: path, label, confidence (0-1), sure (may the label be named, or is it a perhaps),
the confidence of each label, and error, a sentence where there is no answer."""
NO_RAY = "--ray needs Ray: pip install 'ray[data]', on this machine and on the others."
STATUSES = """\
Exit status: 0 all answered, 1 a photograph was not, 2 wrong use, 130 stopped by Ctrl-C."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, or the program's own; return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if problem := _problem(options):
        parser.error(problem)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    try:
        return _run(options)
    except OutputError as error:
        parser.error(str(error))
    except KeyboardInterrupt:  # before there was anything to keep
        return STOPPED
    except BrokenPipeError:  # `durian … | head` has seen enough
        return FAILED
    except (ModelError, OSError) as error:
        print(f"durian: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "durian",
        description=ABOUT,
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="a photograph, a folder (with the folders in it), or - for paths on standard input",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write .csv, .jsonl or .parquet; else a terminal gets a table, a pipe CSV",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with FILE, where an earlier run stopped"
    )
    parser.add_argument(
        "--explain",
        type=Path,
        metavar="DIR",
        help="write each photograph there, in warm colours where the network looked",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="answer on the Ray cluster there, or on a `local` one, into a folder FILE.parquet;"
        " PHOTO may also be an address such as s3://bucket/photos",
    )
    parser.add_argument(
        "--actors", type=int, metavar="N", help="with --ray: how many networks; else one a machine"
    )
    return parser


def _problem(options: argparse.Namespace) -> str | None:
    """Return what is wrong with the options, as a sentence."""
    if options.output and Path(options.output).suffix not in output.SUFFIXES:
        return f"--output takes a name that ends in {', '.join(output.SUFFIXES)}."
    if options.resume and not options.output:
        return "--resume needs --output, the file to go on with."
    if options.ray and (options.resume or options.explain or STDIN in options.photos):
        return "--ray knows neither --resume nor --explain nor -."
    if options.ray and not (options.output or "").endswith(output.PARQUET):
        return "--ray needs --output, a folder whose name ends in .parquet."
    if options.actors is not None and (options.actors < 1 or not options.ray):
        return "--actors takes a number from 1, and goes with --ray."
    return None


def _run(options: argparse.Namespace) -> int:
    if options.ray:
        return _ended(*_answer_on_ray(options))
    if options.output:
        options.output = Path(options.output)
    if options.explain:
        options.explain.mkdir(parents=True, exist_ok=True)
    done = output.done_before(options.output, options.resume)
    try:
        _answer(options, done)
    except KeyboardInterrupt:
        how = "--resume goes on" if options.output else "--output FILE would have let it go on"
        print(f"\nStopped after {done.rows} photographs: {how}.", file=sys.stderr)
        return STOPPED
    return _ended(done.rows, done.failed)


def _ended(rows: int, failed: int) -> int:
    """Say what a person has to know at the end; return the exit status."""
    if not rows:
        print("There are no photographs in these folders.", file=sys.stderr)
    if failed:
        print(f"{failed} of {rows} photographs have no answer.", file=sys.stderr)
    return FAILED if failed else 0


def _answer_on_ray(options: argparse.Namespace) -> tuple[int, int]:
    if Path(options.output).exists():
        raise OutputError(f"{options.output} is there already: name another folder.")
    try:
        from . import cluster
    except ImportError:
        raise OutputError(NO_RAY) from None
    return cluster.run(options.ray, options.photos, options.actors, options.output)


def _answer(options: argparse.Namespace, done: Done) -> None:
    """Write the row of each photograph that is not done yet, and count it as done."""
    left = _left(options, done)
    first = list(islice(left, 1))
    sources = ((path, path) for path in chain(first, left))
    with _progress(options, done) as bar:
        classifier = _load() if first else None
        bar.set_description(None, refresh=False)
        bar.unpause()  # the estimate is of the photographs alone
        with (
            closing(output.open_table(options.output)) as table,
            closing(rows(classifier, sources, options.explain)) as answered,
        ):
            for row in answered:
                table.write(row)
                done.add(row)
                bar.update()


def _left(options: argparse.Namespace, done: Done) -> Iterator[str]:
    """Yield the photographs that an earlier run has not done."""
    for path in photos(options.photos, options.explain):
        if done.paths[shown(path)] > 0:
            done.paths[shown(path)] -= 1
        else:
            yield path


def _progress(options: argparse.Namespace, done: Done) -> tqdm:
    """Return a bar on standard error, where that is a terminal; without a total for `-`."""
    seen = sys.stderr.isatty()
    total = None
    if seen and STDIN not in options.photos:
        total = sum(1 for _ in photos(options.photos, options.explain))
    return tqdm(
        total=total, initial=done.rows, unit="photo", desc="Loading the model", disable=not seen
    )


def _load() -> DurianClassifier:
    # Nothing is trained in this process, so oneDNN need not arrange the weights for each photo.
    os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")
    memory.return_large_blocks()
    warnings.simplefilter("ignore")  # Pillow's, of photographs that get a row either way
    return DurianClassifier.load()
