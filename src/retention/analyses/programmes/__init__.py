"""What to do: effects of programmes, targeting, experiments, claims, actions."""
