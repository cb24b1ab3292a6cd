def write_adoption(home, adopted, answered):
    return home
