"""From a wanted and an observed state to an ordered list of actions; pure."""
