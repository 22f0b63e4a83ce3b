DEFAULT_USECASE = "flight_delay"
