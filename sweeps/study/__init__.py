"""What a study is: its file, validated, and the runs and packs that follow from it."""
