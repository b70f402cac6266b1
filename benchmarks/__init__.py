"""How fast it is: one command per table, the results as committed JSON, one page made of them.

    python -m benchmarks.step          one training step, against JAX, torch.compile, jinns, DeepXDE
    python -m benchmarks.packs         time per run against the size of the pack
    python -m benchmarks.diagnostics   what recording costs
    python -m benchmarks.study         a whole study, from the command to its end
    python -m benchmarks.driver        the control plane, with a trainer that returns at once
    python -m benchmarks.calibration   whether the report's intervals cover what they say
    python -m benchmarks.bits          whether two commits train to the same bits (no table is kept)

Each prints its table. ``--json benchmarks/results/NAME.json`` keeps it; ``--quick`` is a look of
a minute or two whose numbers are not for keeping. ``python -m benchmarks.page`` then writes
``docs/benchmarks.md``, its figures and the README's numbers from what is in ``benchmarks/results``.

``pip install 'pinn-sweeps[benchmarks]'`` adds DeepXDE, JAX and jinns, the peers to compare with;
without them their columns stay empty. Run the tables on a machine that does nothing else, from a
checkout.
"""
