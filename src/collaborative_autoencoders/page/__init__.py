"""The page of `kedro try`: what each champion recommends, side by side, in a local browser."""
