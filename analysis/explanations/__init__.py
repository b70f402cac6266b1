"""What moves before the plateau ends, what foretells its end, and what moves it by intervention."""
