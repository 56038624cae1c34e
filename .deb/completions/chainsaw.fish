_CHAINSAW_COMPLETE=fish_source chainsaw | source
