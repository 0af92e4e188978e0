"""LoRA adapters (arXiv 2106.09685) on every linear module of a network's blocks, trained, merged, saved."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, TaskType, get_peft_model, get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from avss_core.errors import ModelError, NumericalError, ResourceError
from avss_core.models.quiet import quiet
from avss_core.pruning.healing.linears import lies_transposed, plain_linears
from avss_core.pruning.healing.settings import TrainingSettings

_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True, eq=False)
class Adapter:
    """Trained adapters alone. They fit the network they were trained on (the pruned one, with its maps), no other."""

    config: LoraConfig
    tensors: dict[str, Tensor]

    def save(self, folder: str | Path) -> Path:
        """Write them as `peft.PeftModel.from_pretrained(network, folder)` reads them.

        Raises ResourceError when the folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.config.save_pretrained(str(folder))
            save_file(self.tensors, folder / "adapter_model.safetensors")
        except (OSError, SafetensorError) as error:
            raise ResourceError(
                f"The adapters could not be written to {folder} ({error}); choose a folder with enough free space."
            ) from error
        return folder


class Learner:
    """A network of which only the adapters learn; they begin at 0, where they change nothing.

    The network is taken over: its linear modules are wrapped. Its weights are only read. In evaluation mode
    throughout, so dropout is off, and two runs with one seed are the same.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        blocks_path: str,
        settings: TrainingSettings,
        only: Collection[int] | None = None,
    ) -> None:
        """only: the blocks that learn (None: all of them)."""
        blocks = network.get_submodule(blocks_path)
        assert isinstance(blocks, nn.ModuleList)
        linears = {
            path: linear
            for path, linear in plain_linears(blocks).items()
            if only is None or int(path.split(".")[0]) in only
        }
        if not linears:
            raise ModelError(
                f"The blocks of {type(network).__name__} have no plain linear modules to put adapters on; "
                "heal it without training, or load it without quantisation."
            )
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            target_modules=[f"{blocks_path}.{path}" for path in linears],
            fan_in_fan_out=any(lies_transposed(linear) for linear in linears.values()),
            task_type=TaskType.CAUSAL_LM,
        )
        self._config = config
        with torch.random.fork_rng(), quiet():
            torch.manual_seed(settings.seed)
            self._adapted = get_peft_model(network, config)
        self.network = network.eval()
        self.blocks = blocks
        self._weights = [weight for weight in network.parameters() if weight.requires_grad]
        self._optimiser = torch.optim.AdamW(self._weights, betas=(0.9, 0.95), weight_decay=0.0)

    def learn(self, loss: Tensor, learning_rate: float) -> None:
        """One update. Raises NumericalError, before anything is changed, when the loss is not finite."""
        if not torch.isfinite(loss):
            raise NumericalError("The training loss is not finite; use a lower learning rate, or --dtype float32.")
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights, _LARGEST_GRADIENT)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)

    def adapter(self) -> Adapter:
        """The adapters alone, as they are now."""
        config = copy.deepcopy(self._config)
        config.base_model_name_or_path = None  # not the model that was loaded: one made from it
        config.inference_mode = True
        tensors = {
            name: tensor.detach().clone().contiguous()
            for name, tensor in get_peft_model_state_dict(self._adapted, save_embedding_layers=False).items()
        }
        return Adapter(config, tensors)

    def finish(self) -> tuple[PreTrainedModel, Adapter]:
        """The network with its adapters merged into the weights, an ordinary one again, and the adapters alone.

        The learner cannot learn any further.
        """
        adapter = self.adapter()
        # safe_merge: into new memory. The plain way would write into weights that the original network shares.
        self._adapted.merge_and_unload(safe_merge=True)
        return self.network.eval().requires_grad_(False), adapter
