"""Models between two models: their weights interpolated linearly, without training.

Policies that were trained from one start for two rewards can often be mixed in weights, and the mixtures then trace a frontier
between the two (rewarded soups, Ramé et al., arXiv 2306.04488). It costs two trainings, however many points are wanted.
"""

from pathlib import Path

import torch

from bao.errors import ConfigError, DataError
from bao.models.local import Profile, load_local, save_local


def interpolate(first: Path, second: Path, share: float, out: Path, effort_weight: float | None = None) -> Path:
    """Leave in `out` the model of weights ``(1 - share) first + share second``, prompted as `first` is; `out`.

    `effort_weight` is the price that it is told; None keeps what `first` is told. Raises `ConfigError` on a share outside of
    [0, 1], `DataError` where a folder holds no model or the two are of different architectures or vocabularies.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share={share:g} must lie in [0, 1]: 0 is the first model, 1 the second")
    one, other = load_local(first), load_local(second)
    own, added = one.model.state_dict(), other.model.state_dict()
    apart = f"the models in {first} and {second} differ in"
    if {name: each.shape for name, each in own.items()} != {name: each.shape for name, each in added.items()}:
        raise DataError(f"{apart} the shapes of their weights: interpolate two that share their start")
    if one.template.tokenizer.get_vocab() != other.template.tokenizer.get_vocab():
        raise DataError(f"{apart} their vocabulary: interpolate two that share their start")
    with torch.no_grad():
        mixed = {name: torch.lerp(each, added[name], share) if each.is_floating_point() else each for name, each in own.items()}
    one.model.load_state_dict(mixed)
    told = one.profile.effort_weights if effort_weight is None else (effort_weight,)
    save_local(out, one._replace(profile=Profile(one.profile.prompt, told)))
    return out
