eval "$(_CHAINSAW_COMPLETE=bash_source chainsaw)"
