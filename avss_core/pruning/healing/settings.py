"""What a healing is asked to do."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from avss_core.errors import SettingError
from avss_core.seeds import require_seed

# From "hardly held back" to "hardly there": beyond either end the error on other text only grows.
SHRINKAGES = (0.1, 0.3, 1.0, 3.0, 10.0)
MAP_TOKENS = 8192

Teacher = Literal["original", "control"]
TEACHERS: tuple[Teacher, ...] = ("original", "control")

# What is made small, by name: the weights of TrainingSettings.
OBJECTIVES: dict[str, dict[str, float]] = {
    "next-token": {"next_token": 1.0, "logits": 0.0, "states": 0.0},
    "distil": {"next_token": 1.0, "logits": 1.0, "states": 1.0},
}


@dataclass(frozen=True)
class LinearSettings:
    """Healing by least squares.

    shrinkages  tried one after another; in units of a standardised feature's variance, so 1 halves what a feature
                that goes with no other would do (infinity is the identity: no healing)
    held_out    share of the calibration documents that only judge
    tokens      fitted and judged on so many tokens of the calibration text, of many documents (None: all)
    fold        let the map read the neurons of the block before the gap where it can become part of that block's
                weights; otherwise, or where it cannot, it reads the whole state and stays a module of its own
    """

    shrinkages: tuple[float, ...] = SHRINKAGES
    held_out: float = 0.25
    fold: bool = True
    tokens: int | None = MAP_TOKENS

    def __post_init__(self) -> None:
        if not self.shrinkages or not all(shrinkage > 0 for shrinkage in self.shrinkages):
            raise SettingError("Shrinkages must be numbers above 0, and at least one; the larger, the less is changed.")
        if not 0 < self.held_out < 1:
            raise SettingError(f"The share of documents held out must lie between 0 and 1; {self.held_out} does not.")
        if self.tokens is not None and self.tokens < 2:
            raise SettingError(f"Maps are fitted on some tokens and judged on others: at least 2, not {self.tokens}.")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return {**asdict(self), "shrinkages": list(self.shrinkages)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> LinearSettings:
        """What `to_dict` gave."""
        return cls(**{**fields, "shrinkages": tuple(fields.get("shrinkages", SHRINKAGES))})


@dataclass(frozen=True)
class TrainingSettings:
    """Healing by training LoRA adapters on the kept blocks; the control gets exactly the same.

    steps, sequences   so many updates, each on so many windows of text
    next_token         weight of the loss −ln p(next token), in nats
    logits             weight of KL(teacher ‖ student) of the next token, in nats
    states             weight of the squared distance to the teacher's state after every gap, relative to its square
    teacher            "original": the whole model as it was. "control": the whole model as it is being trained, which
                       knows the text better from step to step, and costs nothing since it runs anyway
    rank, alpha        of the adapters W + (alpha / rank)·B·A
    warm_up            share of the steps in which the learning rate rises; after that it falls to 0 in a straight line
    control            also train the whole model (without it, nobody knows what is healing and what is new knowledge)
    """

    steps: int = 100
    sequences: int = 4
    next_token: float = 1.0
    logits: float = 0.0
    states: float = 0.0
    teacher: Teacher = "original"
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3
    warm_up: float = 0.1
    control: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require_seed(self.seed)
        for name, value in (("steps", self.steps), ("sequences", self.sequences), ("rank", self.rank)):
            if value < 1:
                raise SettingError(f"Training needs at least 1 for {name}, not {value}.")
        if not all(math.isfinite(weight) and weight >= 0 for weight in (self.next_token, self.logits, self.states)):
            raise SettingError("The weights of the losses must be numbers from 0 up.")
        if self.next_token + self.logits + self.states == 0:
            raise SettingError("All weights of the losses are 0, so nothing would be learned; set at least one.")
        if not 0 < self.learning_rate <= 1:
            raise SettingError(f"The learning rate must be above 0 and at most 1; {self.learning_rate:g} is not.")
        if not self.alpha > 0:
            raise SettingError(f"Alpha, the weight of the adapters, must be above 0; {self.alpha} is not.")
        if not 0 <= self.warm_up <= 1:
            raise SettingError(f"The share of steps that warm up must lie between 0 and 1; {self.warm_up} does not.")
        if self.teacher not in TEACHERS:
            raise SettingError(f'The teacher is "original" or "control", not "{self.teacher}".')
        if self.teacher == "control" and self.distils and not self.trains_control:
            raise SettingError(
                'The teacher "control" needs a control that is trained: keep the control, and give the next token '
                'a weight above 0, or choose the teacher "original".'
            )

    @classmethod
    def for_objective(cls, objective: str, teacher: str = "control", **others: Any) -> TrainingSettings:
        """Settings with the weights of one of `OBJECTIVES`, and alpha = 2 · rank; teacher counts where one is asked.

        Raises SettingError for a name that is not known.
        """
        if objective not in OBJECTIVES:
            raise SettingError(f"There is no objective {objective!r}; choose one of {', '.join(OBJECTIVES)}.")
        weights = OBJECTIVES[objective]
        asked = teacher if weights["logits"] + weights["states"] > 0 else "original"
        rank = others.get("rank", cls.rank)
        return cls.from_dict({"alpha": 2 * rank, **others, **weights, "teacher": asked})

    @property
    def distils(self) -> bool:
        """Whether a teacher is asked at all."""
        return self.logits + self.states > 0

    @property
    def trains_control(self) -> bool:
        """Whether training changes the whole model: by its own answers alone it learns nothing and stays as it is."""
        return self.control and self.next_token > 0

    def learning_rate_at(self, step: int) -> float:
        """Of step 0 … steps − 1."""
        rise = max(1, round(self.warm_up * self.steps))
        if step < rise:
            return self.learning_rate * (step + 1) / rise
        return self.learning_rate * (self.steps - step) / max(1, self.steps - rise)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> TrainingSettings:
        """What `to_dict` gave."""
        return cls(**fields)
