"""Folders of installed packages in the search path of matsweep's commands."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class OutsideFolders(SearchPathPlugin):
    """Search the folders of installed packages after matsweep's own.

    Other Hydra programs keep their search paths.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the folders of installed packages if matsweep's own is searched.

        Parameters
        ----------
        search_path : ConfigSearchPath
            Changed in place.
        """
        from matsweep.planning.folders import conf_folder, outside_folders

        own = str(conf_folder())
        if not any(str(each.path).endswith(own) for each in search_path.get_path()):
            return
        for package, folder in outside_folders():
            search_path.append(provider=package.name, path=f"file://{folder}")
