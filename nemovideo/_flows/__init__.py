"""Operations as generators without I/O: they decide, and yield the steps they need."""
