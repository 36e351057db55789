"""Moving every user from the old hierarchy to the new one."""
