"""The parts of the task `forecast`: pure functions from a table of series to windows and back.

spec            every option, and which of them fit together
frames, panel   a table; series and covariates as arrays, row by row
calendar        features of the time stamps
transforms      log and Box-Cox, with their inverses
bases           the simple forecast that the network corrects
fitting         scales and cut dates, fit on the training part
records         what a run keeps of them, and recalls
codes           categories of many levels, as rows of learned tables
counts          the likelihood of counts, in their own units
likelihoods     losses, and what outputs say of a target
arrays          a table on the device
batches         windows as batches, in traced code
recursion       forecasts of one step, fed back
paths           the same, of samples
scoring         their loss, and errors in the original units
windows         what restores outputs, for tables and figures
references      simple forecasts to compare with
preparing       a table read, cut and fitted
assembly        all of it, for one split
"""
