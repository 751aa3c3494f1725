"""The airline of tau-bench: its tables and tools. The package has no airline of its own, and no scripted customer for one."""
