"""What the engine says of itself, under one set of names, whatever engine it is.

`scrape` asks it now and then (`http` is the bounded client, `detect` tells who answers), `samples` reads its
`/metrics`, and one module per engine says which of its metrics is which figure; `table` lists them.
"""
