"""How packs are trained: in this process, or by Ray Tune on a machine or a cluster."""
