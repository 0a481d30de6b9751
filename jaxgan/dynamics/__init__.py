"""The game that is played: how near it is to its equilibrium, and what goes wrong.

The players minimise `l_G(theta, phi)` and `l_D(theta, phi)`, `w = (theta, phi)` are the
weights of both, `v(w) = (dl_G/dtheta, dl_D/dphi)` is the game's gradient field and
`J = dv/dw` its Jacobian. All is measured of one member and maps over a population.
"""
