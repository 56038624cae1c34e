#compdef chainsaw
eval "$(_CHAINSAW_COMPLETE=zsh_source chainsaw)"
