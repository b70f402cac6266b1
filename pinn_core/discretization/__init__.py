"""A problem on points: what a pack of networks is trained and measured on."""
