"""From the texts of admins and recipe authors to checked values, or to the problems in them."""
