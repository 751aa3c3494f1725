"""Training: supervised warm start (`sft`) and turn-level GRPO (`grpo`) over token traces. Needs the extra ``[train]``."""
