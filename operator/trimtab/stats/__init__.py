"""Pure statistics on counts: numpy and scipy, no clock, no random numbers, no input or output.

Two families. *Windows* (drift): `psi`, `chi2`, `fdr`, `power`, `features`, `persistence`, `proportions`,
`quality`, `performance`. *Canaries*: `shares`, `ratios`, `rates`, `horizon` (valid at every look) and `skew`
(one look). Everything takes counts, because counts of replicas add exactly and raw rows never leave a pod.
"""
