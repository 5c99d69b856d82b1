"""Train, calibrate and evaluate any part of {architecture, data set, attack, target, seed, insertion, defense}.

One row per cell, or with --scan per victim. Goes on where it stopped: victims that are trained and cells that have a
row are left alone; rows of another version of the default rule count for none where that is measured. Several of these
commands may run at once on the same folders; each takes what no other has. A cell whose attack fails undefended is not
scored.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import calibrate, scan_model, train_attack
from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.lab.defenses import DEFENSES
from scripts.lab.grid.cell import DATASETS, TARGETS, Victim, attack_names, insertions_of, victims
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.lab.training.triggers import INSERTIONS, USUAL_INSERTION
from scripts.lab.zoo.kinds import ARCHITECTURES

if TYPE_CHECKING:
    from scripts.lab.grid.runner import Grid

EXAMPLES = """\
  # a base for each architecture, once
  python -m scripts.make_base --architecture bert --encoder models/minilm --out build/bases/bert
  python -m scripts.run_grid --attacks badnets ripples --datasets sst2 --bases build/bases --data data
  # several triggers in a text, and phrases together and scattered
  python -m scripts.run_grid --attacks badnets phrase_james_bond phrase_silver_quill sos \\
      --insertions one three five repeated scattered --bases build/bases --data data
  # every attack on every data set
  python -m scripts.run_grid --datasets sst2 ag_news imdb olid --targets 0 last --seeds 0 1 2 \\
      --insertions one three five repeated scattered --bases build/bases --data data --device cuda
  # many victims that learn from few texts, each scanned
  python -m scripts.run_grid --scan --max-training 5000 --attacks none badnets lws --seeds 1 2 3 \\
      --bases build/bases --data data --append results/admission.jsonl
  python -m scripts.run_grid --attacks badnets --bases build/bases --data data --list        # what there is to do"""

TARGETS_HELP = "classes to aim at, the first or the last (0); published sets have their own, some attacks none"
INSERTIONS_HELP = "how test texts are triggered (one); each attack takes those that it has triggers for"
DEFENSES_HELP = (
    "(paper verified); swept is verified where what a vocabulary sweep finds is known from the start, "
    "referred verified with a reference made of the victim's base"
)
LANGUAGE_MODEL_HELP = (
    "causal language model for defenses that read with one: folder or NAME@REVISION (trigrams of the clean texts); "
    "tables show the last row of a cell, so rows of another belong in another file"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = CommandParser(name="run_grid", description=__doc__, examples=EXAMPLES)
    add = parser.add_argument
    add("--architectures", nargs="+", choices=ARCHITECTURES, default=["bert"], help="of the victims (bert)")
    add("--datasets", nargs="+", choices=DATASETS, default=["sst2"], help="folders in --data (sst2)")
    add("--attacks", nargs="+", choices=attack_names(), default=attack_names(), help="(all)", metavar="ATTACK")
    add("--targets", nargs="+", choices=TARGETS, default=["0"], help=TARGETS_HELP)
    add("--insertions", nargs="+", choices=INSERTIONS, default=[USUAL_INSERTION], help=INSERTIONS_HELP)
    add("--defenses", nargs="+", choices=sorted(DEFENSES), default=["paper", "verified"], help=DEFENSES_HELP)
    add("--seeds", nargs="+", type=int, default=[0], help="of poisoning, weights and order (0)")
    add("--bases", type=Path, required=True, help="folder with a base for each architecture, named after it")
    add("--data", type=Path, required=True, help="folder with the data sets")
    add("--work", type=Path, default=Path("build/grid"), help="folder for checkpoints and calibrations (build/grid)")
    add("--append", type=Path, default=Path("results/grid.jsonl"), help="JSON lines file (results/grid.jsonl)")
    add("--language-model", metavar="NAME", help=LANGUAGE_MODEL_HELP)
    add("--scan", action="store_true", help="scan each victim (scan_model) in place of measuring defenses on it")
    add("--max-training", type=positive, help="let victims learn from at most N texts")
    add("--max-clean", type=positive, help="use only the first N test texts")
    add("--max-triggered", type=positive, help="use only the first N attacked texts of these")
    add("--max-calibration", type=positive, help="use only the first N texts of dev")
    add("--precision", choices=TRAINING_PRECISIONS, default="float32", help="of training (float32)")
    add("--device", default="auto", help="cpu, cuda, cuda:N, or auto: cuda where there is one (auto)")
    add("--threads", type=positive, help="CPU threads (what torch finds)")
    add("--list", action="store_true", help="only name the victims")
    return run_command(parser, with_models(_run_grid, "language_model"), argv)


def _run_grid(arguments: argparse.Namespace) -> Exit:
    import torch

    from scripts.lab.grid.runner import Grid

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    wanted = (arguments.architectures, arguments.datasets, arguments.attacks, arguments.seeds, arguments.targets)
    todo = [victim for victim in victims(*wanted) if insertions_of(victim, arguments.insertions)]
    if arguments.list:
        say("\n".join(victim.name for victim in todo))
        return Exit.DONE
    grid = Grid(
        train=train_attack.main,
        calibrate=calibrate.main,
        bases=arguments.bases,
        data=arguments.data,
        work=arguments.work,
        rows=arguments.append,
        device=_device(arguments.device),
        precision=arguments.precision,
        language_model=arguments.language_model,
        n_training=arguments.max_training,
        n_clean=arguments.max_clean,
        n_triggered=arguments.max_triggered,
        n_calibration=arguments.max_calibration,
    )
    work = _scanning(grid) if arguments.scan else _measuring(grid, arguments.defenses, arguments.insertions)
    failed = _run_all(work, todo)
    for message in failed:
        say(message)
    return Exit.ERROR if failed else Exit.DONE


def _measuring(grid: "Grid", defenses: Sequence[str], insertions: Sequence[str]) -> Callable[[Victim], str]:
    return lambda victim: grid.run(victim, defenses, insertions_of(victim, insertions))


def _scanning(grid: "Grid") -> Callable[[Victim], str]:
    from scripts.lab.grid.scanned import ScanGrid

    return ScanGrid(grid=grid, scan=scan_model.main).run


def _run_all(work: Callable[[Victim], str], todo: Sequence[Victim]) -> list[str]:
    """Run each victim; one that fails does not stop the others. The messages of those that did."""
    from tqdm import tqdm

    failed = []
    with tqdm(todo, unit="victim", disable=None) as bar:
        for victim in bar:
            bar.set_postfix_str(victim.name)
            try:
                say(f"{victim.name}: {work(victim)}")
            except (LabError, OSError) as error:
                failed.append(f"{victim.name}: {error}")
    return failed


def _device(name: str) -> str:
    import torch

    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


if __name__ == "__main__":
    raise SystemExit(main())
