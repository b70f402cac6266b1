"""What a GPU can show in ten minutes: tests, step, packs, the reference study, a whole study."""
