"""From what is declared to what runs: check, compile, plan, prepare, switch, prove, record."""
