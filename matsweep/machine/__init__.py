"""One analog matrix product on tiles: hardware, matrices and programmed matrices."""
