"""Arms whose learning rates are lowered in stages.

Two players at a constant rate never come to rest: their last steps are as long as their
first, and a generator spreads its samples about the modes by as much as it still moves.
The rates are numbers of the members, so that all stages are one program. A stage is
saved as a round is, see `ensemble_rounds`.
"""

from jaxgan import types
from jaxgan.scripts import ensemble_arms, ensemble_rounds

STAGES = ((0.5, 1.0), (0.7, 0.3), (0.85, 0.1), (1.0, 0.03))
"""Share of the steps at whose end a stage ends, and its factor of both players' rates.
"""


def lowered(arm: ensemble_arms.Arm) -> ensemble_arms.Arm:
    """The same arm, its learning rates lowered by `STAGES`.

    Args:
      arm: without a driver of its own.
    """

    def drive(experiment, trainer, own, members, flops):
        each = len(own.plan.mode_weights) * trainer.flops
        num_steps = max(1, round((flops - own.spent) / each))
        whole = members.hparams.optimizer

        def between(stage, trained, following):
            _, factor = STAGES[stage + 1]
            numbers = trained.hparams._replace(optimizer=scaled(whole, factor))
            return trained._replace(hparams=numbers), following

        found, history = ensemble_rounds.train(
            experiment, trainer, own, members, ends(num_steps), between
        )
        last = found[-1]
        told = ensemble_arms.record(experiment, trainer, own, last, history)
        return told, last if own.view is None else own.view(last), own

    title = f"{arm.title}, rate lowered"
    return arm._replace(name=f"{arm.name}_lowered", title=title, driver=drive)


def ends(num_steps: int) -> list[int]:
    """The step at the end of each stage, at least one in each."""
    number = len(STAGES)
    num_steps, until = max(num_steps, number), [0]
    for i, (share, _) in enumerate(STAGES):
        most = num_steps - (number - i - 1)  # those of later stages are left
        until.append(min(max(round(share * num_steps), until[-1] + 1), most))
    return until[1:]


def scaled(optimizer: types.Pair, factor: float) -> types.Pair:
    """The numbers of both players' optimisers with other learning rates.

    Args:
      optimizer: of one member or, every leaf `[P]`, of several.
      factor: of the learning rates; the other numbers stay as they are.
    """
    return types.Pair(
        *({**own, "learning_rate": factor * own["learning_rate"]} for own in optimizer)
    )
