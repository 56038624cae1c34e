"""From observations to checks with a state, a finding and a fix; pure."""
