"""Who plays a plan: threads, processes, a Ray cluster."""
