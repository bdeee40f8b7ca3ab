held.reason GLOB ${reason_like_shown}
