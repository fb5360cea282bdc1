"""The matte benchmark: clips with known alpha, metrics, competing loops, and contact sheets.

`sources` fetches photos from registry packages and `people` cuts people out of them; `motion`
and `rooms` animate them in front of backgrounds. `specs` lists the clips and `clips` renders them.
`metrics` and `composites` compare masks and colors, `ours` reads the masks of this package,
`peers` has the loops to compare with, and `sheet` draws contact sheets.
"""
