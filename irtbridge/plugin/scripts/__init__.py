"""Programs to take away: a spec as a script in a library's own words, without irtbridge."""
