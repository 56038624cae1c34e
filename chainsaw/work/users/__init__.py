"""Users of the site, who log in at the front."""
