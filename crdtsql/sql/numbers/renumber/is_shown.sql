NOT moved.hidden
