held.reason GLOB '*shown*'
